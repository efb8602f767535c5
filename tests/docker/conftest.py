"""A real engine and a real image; without an engine the tests say why they skip."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kit import paths
from kit.engine.sources import source_files

if TYPE_CHECKING:
    import docker

COMMIT_DATE = "2024-01-02T03:04:05Z"
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "t", "EMAIL": "t@example.org", "DATE": COMMIT_DATE}.items()
}


@pytest.fixture
def run_inside(engine: docker.DockerClient, image: str) -> Callable[..., str]:
    """Return a function that runs a command in the image as a trial does, and returns its output.

    Without network, on a read-only root, and with an empty /tmp.
    """

    def run(*command: str, **options: object) -> str:
        output: bytes = engine.containers.run(
            image, list(command), remove=True, read_only=True, network_mode="none",
            tmpfs={"/tmp": ""}, **options,
        )  # fmt: skip
        return output.decode()

    return run


@pytest.fixture(scope="session")
def commit() -> Callable[[Path], None]:
    """Return a function that commits everything in a folder, at a fixed date."""

    def run(project: Path) -> None:
        environment = {**os.environ, **_IDENTITY}
        for command in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "x"]):
            subprocess.run(["git", *command], cwd=project, env=environment, check=True)

    return run


@pytest.fixture
def snapshot(tmp_path: Path, commit: Callable[[Path], None]) -> Path:
    """Return a clean repository with the files of this checkout, that nobody else edits."""
    project = tmp_path / "checkout"
    for file in source_files("test"):
        destination = project / file
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.PROJECT / file, destination)
    commit(project)
    return project
