"""`check_algorithm`: what passes, what fails, and what a bad file is told."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit import paths
from kit.conformance.algorithm import check_algorithm
from kit.conformance.golden_algorithms import match
from kit.conformance.golden_problem import GoldenView, read_golden
from kit.contracts import ParameterKind
from kit.errors import InvalidFile, UnknownName

GOLDEN = paths.PROJECT / "tests" / "golden" / "optimizers"
Arrays = dict[str, np.ndarray]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(GOLDEN / "problem.npz", tmp_path)
    return tmp_path


def altered(path: Path, change: Callable[[Arrays], Any], source: str = "adamw") -> Path:
    """Write a golden file to `path` after `change` has been made to its arrays."""
    with np.load(GOLDEN / f"{source}.npz") as content:
        arrays = {name: content[name] for name in content.files}
    change(arrays)
    np.savez(path, **arrays)
    return path


def with_meta(**values: Any) -> Callable[[Arrays], None]:
    """Return a change of entries in `meta`."""

    def change(arrays: Arrays) -> None:
        arrays["meta"] = np.array(json.dumps({**json.loads(str(arrays["meta"])), **values}))

    return change


def with_hyperparameters(**values: Any) -> Callable[[Arrays], None]:
    """Return a change of hyperparameters."""

    def change(arrays: Arrays) -> None:
        given = json.loads(str(arrays["meta"]))["hyperparameters"]
        with_meta(hyperparameters={**given, **values})(arrays)

    return change


def test_tolerance_is_ten_times_the_float32_difference(folder: Path) -> None:
    wide = altered(folder / "a.npz", with_meta(max_abs_difference_of_float32_run=1e-3))
    narrow = altered(folder / "b.npz", with_meta(max_abs_difference_of_float32_run=1e-9))

    assert read_golden(wide).tolerance == pytest.approx(1e-2)
    assert read_golden(narrow).tolerance == 1e-5


def test_another_submission_is_found_to_differ() -> None:
    report = check_algorithm(GOLDEN / "adamw.npz", "nadamw")

    assert report.subject == "nadamw"
    assert not report.passed
    assert len(report.checks) == 6


def test_other_hyperparameters_are_found_to_differ(folder: Path) -> None:
    path = altered(folder / "adamw.npz", with_hyperparameters(beta2=0.99))

    assert not check_algorithm(path).passed


def test_nan_is_never_within_tolerance(folder: Path) -> None:
    def spoil(arrays: Arrays) -> None:
        arrays["param.b1"][3, 0] = np.nan

    report = check_algorithm(altered(folder / "adamw.npz", spoil))

    assert [check.quantity for check in report.checks if not check.passed] == ["param.b1"]


def test_a_single_wrong_update_is_found(folder: Path) -> None:
    def spoil(arrays: Arrays) -> None:
        arrays["param.w2"][11, 2, 3] += 1e-4

    report = check_algorithm(altered(folder / "adamw.npz", spoil))

    assert [check.quantity for check in report.checks if not check.passed] == ["param.w2"]


def test_evaluated_parameters_are_compared_where_the_file_has_them(folder: Path) -> None:
    def add(arrays: Arrays) -> None:
        arrays["eval_after_update"] = np.array([5, 10])
        arrays["eval.w1"] = arrays["param.w1"][[4, 9]]
        arrays["eval.b1"] = arrays["param.b1"][[4, 8]]  # the second is wrong

    report = check_algorithm(altered(folder / "adamw.npz", add))

    assert {c.quantity: c.passed for c in report.checks if c.quantity.startswith("eval")} == {
        "eval.b1": False,
        "eval.w1": True,
    }


@pytest.mark.parametrize(
    ("names", "submission"),
    [
        (["adamw"], "adamw"),
        (["momentum_b"], "heavy_ball"),
        (["nadamw_gradclip"], "nadamw"),
        (["nesterov2"], "nesterov"),
        (["", "nadamw-other"], "nadamw"),
        (["adamg"], None),
        (["cautious_nadamw"], None),
    ],
)
def test_files_are_matched_by_the_longest_known_beginning(
    names: list[str], submission: str | None
) -> None:
    entry = match(names)

    assert (entry.submission if entry else None) == submission


def test_kinds_are_those_of_the_tree_names() -> None:
    golden = read_golden(GOLDEN / "adamw.npz")
    kinds = dict(zip(golden.leaves, GoldenView(golden).parameters, strict=True))

    assert {leaf: parameter.kind for leaf, parameter in kinds.items()} == {
        "w1": ParameterKind.WEIGHT,
        "b1": ParameterKind.BIAS,
        "conv": ParameterKind.CONV_WEIGHT,
        "emb": ParameterKind.EMBEDDING,
        "w2": ParameterKind.WEIGHT,
        "scale": ParameterKind.LAYER_NORM_SCALE,
    }


def message(path: Path, submission: str | None = None) -> str:
    """Return the error of a check, which must be one line."""
    with pytest.raises(InvalidFile) as caught:
        check_algorithm(path, submission)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file(folder: Path) -> None:
    assert "adamw.npz: no such file. Check the name." in message(folder / "adamw.npz")


@pytest.mark.parametrize("kept", [0, 1000, 100_000])
def test_truncated_file(folder: Path, kept: int) -> None:
    path = folder / "adamw.npz"
    path.write_bytes((GOLDEN / "adamw.npz").read_bytes()[:kept])

    assert re.search(r"not a readable \.npz file: .+\. Copy it again\.$", message(path))


def test_damaged_array(folder: Path) -> None:
    content = bytearray((GOLDEN / "adamw.npz").read_bytes())
    content[2000:2100] = bytes(100)
    path = folder / "adamw.npz"
    path.write_bytes(content)

    assert "not a readable .npz file" in message(path)


@pytest.mark.parametrize("content", [b"plain text", b"\x93NUMPY\x01\x00"])
def test_file_of_another_format(folder: Path, content: bytes) -> None:
    path = folder / "adamw.npz"
    path.write_bytes(content)

    assert "not a readable .npz file" in message(path)


def test_single_array_instead_of_an_archive(folder: Path) -> None:
    path = folder / "adamw.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))

    assert "not a readable .npz file" in message(path)


def test_pickled_content_is_not_loaded(folder: Path) -> None:
    path = folder / "adamw.npz"
    np.savez(path, meta=np.array([{}], dtype=object))

    assert "Object arrays cannot be loaded" in message(path)


def test_missing_problem(tmp_path: Path) -> None:
    path = altered(tmp_path / "adamw.npz", lambda arrays: None)

    assert message(path).endswith("no problem.npz beside it. Copy it there.")


def test_problem_without_start_values(folder: Path) -> None:
    np.savez(folder / "problem.npz", other=np.zeros(3))
    path = altered(folder / "adamw.npz", lambda arrays: None)

    assert "problem.npz: no arrays `init.<leaf>`. Copy it again." in message(path)


@pytest.mark.parametrize("meta", ["{", "[]", "{}", '{"hyperparameters": 3}'])
def test_meta_that_says_nothing(folder: Path, meta: str) -> None:
    path = altered(folder / "adamw.npz", lambda arrays: arrays.update(meta=np.array(meta)))

    assert "it needs `meta`, a JSON text with `hyperparameters`. It holds: lr, " in message(path)


def test_unknown_algorithm_lists_the_known_ones(folder: Path) -> None:
    path = altered(folder / "lion.npz", with_meta(name="lion"))

    assert message(path).endswith(
        "no submission is known for 'lion'. Known: adamw, momentum, nadamw, nesterov. "
        "Name one with --submission."
    )


def test_wrong_shape_names_array_and_shapes(folder: Path) -> None:
    def spoil(arrays: Arrays) -> None:
        arrays["param.b1"] = arrays["param.b1"][:, :5]

    assert message(altered(folder / "adamw.npz", spoil)).endswith(
        "param.b1 must have the shape (25 updates, 16), to match init.b1 of problem.npz. "
        "Received: (25, 5)."
    )


def test_missing_leaf_is_named(folder: Path) -> None:
    path = altered(folder / "adamw.npz", lambda arrays: arrays.pop("param.conv"))

    assert "param.conv must have the shape (25 updates, 3, 3, 4, 8)" in message(path)
    assert message(path).endswith("Received: no such array.")


def test_more_updates_than_gradients(folder: Path) -> None:
    def lengthen(arrays: Arrays) -> None:
        for name in [name for name in arrays if name.startswith("param.")]:
            arrays[name] = np.concatenate([arrays[name], arrays[name][:1]])

    assert "problem.npz: grad.w1 must have the shape (26 updates, 12, 16)" in message(
        altered(folder / "adamw.npz", lengthen)
    )


def test_constant_of_the_submission_with_another_value(folder: Path) -> None:
    path = altered(folder / "nadamw.npz", with_hyperparameters(grad_clip_eps=1e-3), "nadamw")

    assert message(path).endswith(
        "grad_clip_eps is a constant of nadamw: 1e-06. Received: grad_clip_eps=0.001."
    )


def test_hyperparameter_that_the_file_does_not_give(folder: Path) -> None:
    assert (
        "heavy_ball needs the hyperparameter 'decay_steps_factor'; the file gives only: beta2, "
    ) in message(GOLDEN / "adamw.npz", "heavy_ball")


def test_unknown_submission() -> None:
    with pytest.raises(UnknownName, match=r"Unknown submission 'adamx'\. Choose one of: adamw, "):
        check_algorithm(GOLDEN / "adamw.npz", "adamx")
