from __future__ import annotations

import hashlib
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from kit import paths
from kit.data import is_prepared, load_arrays, prepare, status, train_folder
from kit.data.prepared import DataStatus, evaluation_folder
from kit.errors import DataError, InvalidFile, UnknownName


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_training_data_lies_apart_from_all_evaluation_data(toy):
    prepare("toy", "mini")
    assert names(train_folder("toy", "mini")) == {"manifest.json", "inputs.npy"}
    assert names(evaluation_folder("toy", "mini")) == {"manifest.json", "validation/inputs.npy"}
    assert load_arrays("toy", "mini", "train")["inputs"].tolist() == list(range(80))
    assert load_arrays("toy", "mini", "validation")["inputs"].tolist() == list(range(80, 100))


def test_preparing_again_does_nothing(toy):
    folder = prepare("toy", "mini")
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    assert prepare("toy", "mini") == folder
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert toy.calls == 1


def test_status_tells_absent_from_impossible_from_prepared_from_damaged(toy):
    assert status("toy", "mini") is DataStatus.ABSENT
    assert status("toy", "full") is DataStatus.IMPOSSIBLE
    prepare("toy", "mini")
    assert status("toy", "mini") is DataStatus.PREPARED
    (train_folder("toy", "mini") / "inputs.npy").write_bytes(b"")
    assert status("toy", "mini") is DataStatus.DAMAGED


def test_damaged_data_is_prepared_again(toy):
    folder = prepare("toy", "mini")
    (folder / "train" / "inputs.npy").unlink()
    prepare("toy", "mini")
    assert is_prepared("toy", "mini")
    assert toy.calls == 2
    assert not list(folder.parent.glob(".*.old"))


def test_failed_preparation_leaves_nothing_that_looks_prepared(toy, monkeypatch):
    def fail(self, split, **arrays):
        raise RuntimeError("power cut")

    monkeypatch.setattr("kit.data.preparation.Preparation.save", fail)
    with pytest.raises(RuntimeError):
        prepare("toy", "mini")
    assert status("toy", "mini") is DataStatus.ABSENT
    monkeypatch.undo()


def test_remains_of_a_killed_preparation_do_no_harm(toy):
    remains = paths.data_root() / "toy" / ".mini.incomplete" / "train" / "stray.npy"
    remains.parent.mkdir(parents=True)
    remains.write_bytes(b"half")
    prepare("toy", "mini")
    assert "stray.npy" not in names(train_folder("toy", "mini"))


def test_result_must_be_what_the_definition_says(toy):
    toy.prepared = {"train": "0" * 64}
    toy.write()
    with pytest.raises(DataError, match=r"gave other bytes than its definition says \(train: "):
        prepare("toy", "mini")
    assert status("toy", "mini") is DataStatus.ABSENT


def test_manifest_is_the_same_at_every_preparation(toy):
    first = (prepare("toy", "mini") / "train" / "manifest.json").read_bytes()
    toy.prepared = {"train": hashlib.sha256(first).hexdigest()}
    toy.write()
    assert is_prepared("toy", "mini")
    (train_folder("toy", "mini") / "inputs.npy").write_bytes(b"")
    prepare("toy", "mini")
    assert (train_folder("toy", "mini") / "manifest.json").read_bytes() == first


def test_quick_check_sees_data_of_another_definition(toy):
    prepare("toy", "mini")
    toy.prepared = {"train": "0" * 64}
    toy.write()
    assert status("toy", "mini") is DataStatus.DAMAGED


def test_scale_that_cannot_be_prepared_says_why(toy):
    with pytest.raises(DataError) as caught:
        prepare("toy", "full")
    assert str(caught.value) == (
        "The data of toy (full) cannot be prepared by this version: nobody sells it."
    )


def test_unknown_names_are_refused(toy):
    with pytest.raises(UnknownName, match="Unknown workload 'ogb'"):
        prepare("ogb", "mini")
    with pytest.raises(
        UnknownName, match=r"Unknown scale of toy 'tiny'. Choose one of: full, mini"
    ):
        prepare("toy", "tiny")


def test_folder_that_cannot_be_written_is_reported_in_one_line(toy, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"toy \(mini\) cannot be prepared: .*Not a directory\.$"):
        prepare("toy", "mini")


def test_processes_that_prepare_at_once_do_the_work_once(toy):
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(3)
    calls = context.Value("i", 0)

    def work() -> None:
        original = toy.prepare

        def counted(preparation):
            with calls.get_lock():
                calls.value += 1
            original(preparation)

        import sys

        sys.modules["workloads.toy.prepare"].prepare = counted
        ready.wait()
        prepare("toy", "mini")

    processes = [context.Process(target=work) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert calls.value == 1


def test_saved_bytes_do_not_depend_on_memory_layout(toy):
    toy_array = np.arange(6, dtype=np.int32).reshape(2, 3)
    toy.prepare = None
    import sys

    def both(preparation):
        preparation.save("train", a=toy_array, b=np.asfortranarray(toy_array))

    sys.modules["workloads.toy.prepare"].prepare = both
    folder = prepare("toy", "mini") / "train"
    assert (folder / "a.npy").read_bytes() == (folder / "b.npy").read_bytes()
