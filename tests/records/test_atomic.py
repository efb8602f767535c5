"""Durable writes, a full disk included."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.errors import TrialError
from kit.records.atomic import create_atomic, disk_errors, write_atomic, write_new
from kit.records.files import read_record
from tests.records.factory import Results, make_trial

SMALL_BYTES = 64 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [
        mount or "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={SMALL_BYTES},nr_inodes=100",
        "tmpfs",
        str(folder),
    ]
    if not mount or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, *, spare_bytes: int = 0) -> None:
    """Leave only `spare_bytes` on the file system of `folder`."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            os.ftruncate(file.fileno(), os.fstat(file.fileno()).st_size - spare_bytes)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")} - {"filler"}


def test_write_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"file"}


def test_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TrialError, match=r"Cannot write .*file: Input/output error\. Check that"):
        write_atomic(path, b"new")
    with pytest.raises(OSError, match="Input/output error"):
        write_new(tmp_path / "another", b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"file"}


def test_write_new_refuses_an_existing_file(tmp_path: Path) -> None:
    write_new(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_create_atomic_never_replaces_a_file(tmp_path: Path) -> None:
    create_atomic(tmp_path / "file", b"first", mode=0o600)
    with pytest.raises(FileExistsError):
        create_atomic(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"file"}


def test_create_atomic_on_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(TrialError, match="the disk is full"):
        create_atomic(small_disk / "file", b"x" * 2 * SMALL_BYTES)
    assert names(small_disk) == set()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_told_in_one_line(number: int) -> None:
    with pytest.raises(TrialError) as caught, disk_errors(Path("/some/file")):
        raise OSError(number, os.strerror(number))
    message = str(caught.value)
    assert message.startswith("Cannot write /some/file: the disk is full")
    assert "Free space on that disk, then repeat." in message
    assert "\n" not in message


def test_full_disk_leaves_no_half_written_file(small_disk: Path) -> None:
    with pytest.raises(TrialError, match="the disk is full"):
        write_atomic(small_disk / "file", b"x" * 2 * SMALL_BYTES)
    assert names(small_disk) == set()


def test_full_disk_leaves_no_half_written_record(small_disk: Path) -> None:
    results = Results(small_disk)
    trial = make_trial()
    results.start(trial.record)
    fill(small_disk, spare_bytes=12 * 1024)
    before = names(small_disk)
    with pytest.raises(TrialError, match=r"Cannot write .*trial_1: the disk is full"):
        results.write(trial)
    assert not results.folder(trial.record).exists()
    assert not [name for name in names(small_disk) - before if name.startswith(".")]
    (small_disk / "filler").unlink()
    written = results.write(trial)
    assert read_record(written.folder)[0] == trial.record


def test_full_disk_leaves_the_ledger_as_it_was(small_disk: Path) -> None:
    results = Results(small_disk)
    which = results.start(make_trial().record)
    ledger = results.ledger
    fill(small_disk)
    page = os.sysconf("SC_PAGE_SIZE")
    before = ledger.path.read_bytes()
    with pytest.raises(TrialError, match=r"Cannot write .*ledger.jsonl: the disk is full"):
        for _ in range(page // 100):  # the file's last page has room for an entry or two
            before = ledger.path.read_bytes()
            ledger.end(which, make_trial().record.state, None, results.key)
    assert ledger.path.read_bytes() == before
    (small_disk / "filler").unlink()
    assert ledger.append("start", which, results.key).index == before.count(b"\n")


def test_partly_written_line_is_taken_back(results: Results) -> None:
    """A limit on file size gives a short write, as a disk with a few free bytes does."""
    results.start(make_trial().record)
    path = results.ledger.path
    before = path.read_bytes()
    program = """
import resource, sys
from pathlib import Path
from kit.errors import TrialError
from kit.records.ledger import Ledger
from kit.records.signing import load_or_create_key
ledger, config, limit = Ledger(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
key = load_or_create_key(config)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    ledger.append("start", ledger.entries()[-1].identification, key)
except TrialError as error:
    print(error)
"""
    words = [sys.executable, "-c", program, path, results.config, str(len(before) + 100)]
    output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert output.startswith(f"Cannot write {path}: the disk is full (")
    assert path.read_bytes() == before
