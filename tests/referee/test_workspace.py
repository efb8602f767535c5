"""The folders of a trial are new, hold what training needs, and do not outlive their referee."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kit.errors import TrialError
from kit.referee.workspace import PREFIX, Workspace

SOURCES = {"submission.py": b"x = 1", "tools/more.py": b"", "submission.yaml": b"name: x"}


def test_folders_are_private_empty_and_gone_afterwards(tmp_path: Path) -> None:
    with Workspace(SOURCES, tmp_path) as folders:
        assert list(folders.exchange.iterdir()) == list(folders.scratch.iterdir()) == []
        assert folders.exchange.stat().st_mode & 0o077 == 0
        found = sorted(
            str(p.relative_to(folders.submission)) for p in folders.submission.rglob("*.py")
        )
        assert found == ["submission.py", "tools/more.py"]
        assert not (folders.submission / "submission.yaml").exists()
    assert not folders.exchange.exists()
    assert not folders.scratch.exists()


def test_leftovers_of_a_killed_referee_are_removed_and_those_of_a_living_one_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, kept = tmp_path / f"{PREFIX}{dead.pid}-abc", tmp_path / f"{PREFIX}{os.getpid()}-abc"
    left.mkdir()
    kept.mkdir()
    with Workspace(SOURCES, tmp_path):
        assert not left.exists()
        assert kept.exists()


def test_folders_that_cannot_be_made_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with (
        pytest.raises(TrialError, match="temporary folders cannot be made"),
        Workspace({}, tmp_path),
    ):
        pass
