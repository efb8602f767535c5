"""What is made readable for the referee's container, and taken back afterwards.

Whoever runs these tests, root or not, owns what they make; `ada` is who the kit believes to be.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.engine import access
from kit.engine.access import Access, granted
from kit.errors import NotAvailable, UsageError
from kit.records.signing import load_or_create_key

ROOT = 0
ADA = os.getuid() or 12345
GROUP = 23456 if os.getuid() == ROOT else (os.getgroups() or [os.getgid()])[-1]
ENGINE = SimpleNamespace(info=lambda: {"SecurityOptions": ["name=seccomp,profile=default"]})
ROOTLESS = SimpleNamespace(info=lambda: {"SecurityOptions": ["name=seccomp", "name=rootless"]})


class Interrupted(Exception):
    """Something that goes wrong while access is granted."""


def is_run_by(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    monkeypatch.setattr(access.os, "getuid", lambda: user)


def given_to_ada(*paths: Path) -> None:
    if os.geteuid() == ROOT:
        for path in paths:
            os.chown(path, ADA, -1, follow_symlinks=False)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Return where key and results go; the engine's socket belongs to the group."""
    for name in ("STOPWATCH_KEY", "STOPWATCH_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    socket = tmp_path / "docker.sock"
    socket.touch()
    os.chown(socket, -1, GROUP)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(access, "_MEMORY", memory)
    is_run_by(monkeypatch, ADA)
    return {"config": tmp_path / "config", "results": tmp_path / "results"}


@pytest.fixture
def records(folders: dict[str, Path]) -> Path:
    """Return a folder of results as earlier trials of ada left it, under a careful umask."""
    results = folders["results"]
    trial = results / "mini" / "trial_1"
    trial.mkdir(parents=True)
    files = [results / "ledger.jsonl", results / "ledger.lock", trial / "trial.json"]
    for file in files:
        file.touch()
        file.chmod(0o600)
    made = [results, trial.parent, trial]
    for folder in made:
        folder.chmod(0o700)
    given_to_ada(*made, *files)
    return results


def copies(folders: dict[str, Path]) -> list[Path]:
    return sorted((folders["config"].parent / "memory").iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def modes_and_groups(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (mode(path), path.stat().st_gid) for path in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize(("user", "engine"), [(ROOT, ENGINE), (ADA, ROOTLESS)])
def test_to_root_and_to_a_rootless_engine_the_key_itself_is_given(
    folders: Any, records: Path, monkeypatch: Any, user: int, engine: Any
) -> None:
    is_run_by(monkeypatch, user)
    before = modes_and_groups(records)
    with granted(engine, **folders) as given:
        key = folders["config"] / "keys" / "development.pem"
        assert given == Access(key, "development", 0, given.inspection_file)
        assert mode(key) == mode(given.inspection_file) == 0o600
        assert copies(folders) == [given.inspection_file.parent]
        assert list(copies(folders)[0].iterdir()) == [given.inspection_file]
    assert modes_and_groups(records) == before


def test_a_folder_for_results_is_made(folders: Any) -> None:
    with granted(ROOTLESS, **folders):
        assert folders["results"].is_dir()


def test_the_key_that_the_environment_names_is_given(
    folders: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    load_or_create_key(tmp_path / "elsewhere")
    chosen = (tmp_path / "elsewhere/keys/development.pem").rename(tmp_path / "organiser.pem")
    monkeypatch.setenv("STOPWATCH_KEY_FILE", str(chosen))
    with granted(ROOTLESS, **folders) as given:
        assert (given.key_file, given.key_name, given.group) == (chosen, "organiser", 0)
    with granted(ENGINE, **folders) as given:
        assert given.key_name == "organiser"
        assert given.key_file.name == "organiser.pem"
        assert given.key_file.read_bytes() == chosen.read_bytes()
    assert not folders["config"].exists(), "another key was made"


@pytest.mark.parametrize("address", ["tcp://10.0.0.1:2376", "ssh://ada@lab"])
def test_an_engine_on_another_machine_is_refused(
    folders: Any, monkeypatch: Any, address: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with (
        pytest.raises(NotAvailable, match=f"engine at {address} is not on this machine.*unset DO"),
        granted(ENGINE, **folders),
    ):
        pass
    assert not folders["config"].exists()
    assert not folders["results"].exists()


def test_the_group_of_the_socket_gets_a_copy_of_the_key_and_nobody_else(folders: Any) -> None:
    with granted(ENGINE, **folders) as given:
        key = folders["config"] / "keys" / "development.pem"
        assert (given.key_name, given.group) == ("development", GROUP)
        assert given.key_file.parent.parent == folders["config"].parent / "memory"
        assert given.key_file.read_bytes() == key.read_bytes()
        assert (mode(given.key_file), given.key_file.stat().st_gid) == (0o640, GROUP)
        assert mode(given.key_file.parent) == 0o700
        assert given.inspection_file.read_bytes() == b""
        assert (mode(given.inspection_file), given.inspection_file.stat().st_gid) == (0o640, GROUP)
        assert mode(key) == 0o600
    assert copies(folders) == []


def test_the_copy_of_the_key_is_removed_whatever_happens(folders: Any) -> None:
    with pytest.raises(Interrupted), granted(ENGINE, **folders):
        assert len(copies(folders)) == 1
        raise Interrupted
    assert copies(folders) == []


def test_without_a_folder_in_memory_the_copy_goes_to_the_disk(
    folders: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(access, "_MEMORY", tmp_path / "absent")
    monkeypatch.setattr(access.tempfile, "tempdir", str(tmp_path / "memory"))
    with granted(ENGINE, **folders) as given:
        assert given.key_file.parent in copies(folders)
    assert copies(folders) == []


def test_the_group_may_add_to_results_and_change_no_record(folders: Any, records: Path) -> None:
    with granted(ENGINE, **folders):
        pass
    assert modes_and_groups(records) == {
        records: (0o2775, GROUP),
        records / "mini": (0o2775, GROUP),
        records / "mini/trial_1": (0o2775, GROUP),
        records / "ledger.jsonl": (0o664, GROUP),
        records / "ledger.lock": (0o664, GROUP),
        records / "mini/trial_1/trial.json": (0o600, os.getgid()),
    }


def test_what_belongs_to_others_is_left_alone(
    folders: Any, records: Path, monkeypatch: Any
) -> None:
    before = modes_and_groups(records)
    is_run_by(monkeypatch, ADA + 1)
    with granted(ENGINE, **folders):
        assert modes_and_groups(records) == before


def test_no_link_out_of_the_results_is_followed(
    folders: Any, records: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "ledger.txt"
    outside.touch(mode=0o600)
    (records / "ledger.txt").symlink_to(outside)
    given_to_ada(outside, records / "ledger.txt")
    with granted(ENGINE, **folders):
        assert mode(outside) == 0o600


def test_a_file_that_another_trial_removes_meanwhile_is_no_error(
    folders: Any, records: Path, monkeypatch: Any
) -> None:
    gone = (str(records / "gone"), [], ["ledger.tmp"])
    monkeypatch.setattr(access.os, "walk", lambda top: [gone, (str(top), [], ["ledger.jsonl"])])
    with granted(ENGINE, **folders):
        assert mode(records / "ledger.jsonl") == 0o664


def test_who_is_not_in_the_group_is_told_what_to_do(
    folders: Any, records: Path, monkeypatch: Any
) -> None:
    def refuse(path: Path, user: int, group: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))

    monkeypatch.setattr(access.os, "chown", refuse)
    with pytest.raises(UsageError) as caught, granted(ENGINE, **folders):
        pass
    message = str(caught.value)
    assert "development.pem: the referee's container cannot be given access: Operation" in message
    assert "Join the group of the engine's socket (sudo usermod -aG docker $USER" in message
    assert "\n" not in message
    assert copies(folders) == []
