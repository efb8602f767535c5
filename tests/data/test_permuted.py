"""The training split of a placebo: the same files, with labels that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kit import paths, registry
from kit.data import load_arrays, train_folder
from kit.data.definition import data_definition
from kit.data.permuted import permuted_training_split
from kit.errors import NotAvailable

LABELS = np.arange(100, dtype=np.int32)


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workload with two label arrays, prepared."""
    folder = tmp_path / "workloads" / "digits"
    folder.mkdir(parents=True)
    scale = "{labels: [targets, weights], originals: {}}"
    (folder / "workload.yaml").write_text(
        "description: Digits.\nmetric: accuracy\nloss_type: softmax_cross_entropy\n"
        f"scales: {{mini: {scale}, full: {{}}}}\n"
    )
    monkeypatch.setattr(paths, "WORKLOADS", tmp_path / "workloads")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    train = train_folder("digits", "mini")
    train.mkdir(parents=True)
    np.save(train / "inputs.npy", LABELS)
    np.save(train / "targets.npy", LABELS)
    np.save(train / "weights.npy", np.stack([LABELS, -LABELS], axis=1))
    (train / "manifest.json").write_text('{"files": {}}')
    return train


def test_labels_are_permuted_together_and_nothing_else_changes(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = permuted_training_split("digits", "mini", 7, tmp_path / "other")
    assert folder.parts[-3:] == prepared.parts[-3:]
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "other"))
    arrays = load_arrays("digits", "mini", "train")  # its manifest fits
    assert (arrays["inputs"] == LABELS).all()
    assert sorted(arrays["targets"]) == list(LABELS)
    assert (arrays["targets"] != LABELS).mean() > 0.9
    assert (arrays["weights"] == np.stack([arrays["targets"], -arrays["targets"]], axis=1)).all()


def test_names_sizes_and_times_tell_nothing(prepared: Path, tmp_path: Path) -> None:
    folder = permuted_training_split("digits", "mini", 7, tmp_path / "other")
    for path in (prepared, *prepared.iterdir()):
        copy = folder / path.relative_to(prepared)
        assert copy.stat().st_mtime_ns == path.stat().st_mtime_ns
        assert path.suffix != ".npy" or copy.stat().st_size == path.stat().st_size


def test_the_seed_decides_the_permutation(prepared: Path, tmp_path: Path) -> None:
    first, again, other = (
        np.load(permuted_training_split("digits", "mini", seed, tmp_path / name) / "targets.npy")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert (first == again).all()
    assert (first != other).any()


def test_a_split_without_labels_has_no_placebo(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(NotAvailable) as caught:
        permuted_training_split("digits", "full", 1, tmp_path / "other")
    assert str(caught.value) == (
        "There is no placebo of digits (full): its workload.yaml declares no arrays as labels "
        "that could be permuted. Choose another workload."
    )


@pytest.mark.parametrize("workload", registry.workload_names())
def test_declared_labels_are_arrays_of_prepared_data(workload: str) -> None:
    labels = data_definition(workload, "mini").labels
    assert bool(labels) == (workload != "fastmri")  # whose inputs are computed from its targets
    folder = train_folder(workload, "mini")
    if folder.exists():
        assert {f"{name}.npy" for name in labels} <= {path.name for path in folder.iterdir()}
