"""How a trainer is shut in, wherever the project lies."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kit import paths
from kit.errors import NotAvailable, UsageError
from kit.referee import isolation
from kit.referee.isolation import TrainerFolders, choose, launch
from kit.trainer.environment import environment


@pytest.fixture
def folders(tmp_path: Path) -> TrainerFolders:
    made = TrainerFolders(*(tmp_path / name for name in ("exchange", "scratch", "sub", "train")))
    for folder in (made.exchange, made.scratch, made.submission, made.training_data):
        folder.mkdir()
    return made


def test_a_project_below_tmp_is_seen_in_the_sandbox(
    folders: TrainerFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    for name in ("kit", "workloads", "secret"):
        (tmp_path / "project" / name).mkdir(parents=True)
        (tmp_path / "project" / name / "file").write_text(name)
    monkeypatch.setattr(paths, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(paths, "WORKLOADS", tmp_path / "project" / "workloads")
    command = launch("bubblewrap", folders).command
    look = "import os, sys; print(*sorted(os.listdir(sys.argv[1])))"
    command = [*command[: command.index("--") + 1], sys.executable, "-c", look]
    done = subprocess.run(
        [*command, str(tmp_path / "project")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["kit", "workloads"]
    assert subprocess.run([*command, "/tmp"], check=True, capture_output=True).returncode == 0


def test_the_environment_is_built_from_nothing() -> None:
    assert set(environment("/tmp", Path("data"))) == {
        "HOME", "KERAS_BACKEND", "KERAS_HOME", "LANG", "PATH", "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED", "PYTHONUNBUFFERED", "STOPWATCH_DATA", "TF_CPP_MIN_LOG_LEVEL", "TMPDIR",
        "XDG_CACHE_HOME",
    }  # fmt: skip


def test_without_bubblewrap_auto_says_what_is_weaker_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    isolation.bubblewrap_problem.cache_clear()
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    try:
        level, remark = choose("auto")
        assert level == "process"
        assert remark is not None
        assert "apt-get install bubblewrap" in remark
        with pytest.raises(NotAvailable, match="bwrap is not installed"):
            choose("bubblewrap")
    finally:
        isolation.bubblewrap_problem.cache_clear()


def test_an_unknown_level_names_the_choices() -> None:
    with pytest.raises(UsageError, match="Choose one of: auto, bubblewrap, process"):
        choose("jail")


def test_another_training_split_is_seen_at_the_path_of_the_prepared_one(
    folders: TrainerFolders, tmp_path: Path
) -> None:
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    for name in ("train", "permuted"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "targets").write_text(name)
    folders = replace(folders, training_source=tmp_path / "permuted")
    command = launch("bubblewrap", folders).command
    read = [*command[: command.index("--") + 1], "/bin/cat", str(tmp_path / "train" / "targets")]
    assert subprocess.run(read, capture_output=True, check=True, text=True).stdout == "permuted"


def test_without_a_sandbox_the_data_folder_is_that_of_the_other_split(
    folders: TrainerFolders, tmp_path: Path
) -> None:
    other = tmp_path / "root" / "mnist" / "mini" / "train"
    launched = launch("process", replace(folders, training_source=other))
    assert launched.environment["STOPWATCH_DATA"] == str(tmp_path / "root")
