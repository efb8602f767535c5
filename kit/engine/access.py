"""What the referee's container needs of the host: the key, an inspection, a place for the records.

In its container the referee is root without the right to ignore owners and modes. Where the kit is
run by root, or the engine is rootless, that is the owner of these files. Elsewhere they are made
readable to the group of the engine's socket: whoever is in it can become root here anyway.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kit.engine.client import address
from kit.errors import NotAvailable, UsageError
from kit.records.signing import key_path, load_or_create_key

if TYPE_CHECKING:
    import docker

_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Access:
    """Files that the referee's container reads, and the group that it joins."""

    key_file: Path
    key_name: str
    group: int
    inspection_file: Path  # empty until the containers have been inspected


@contextlib.contextmanager
def granted(client: docker.DockerClient, *, config: Path, results: Path) -> Iterator[Access]:
    """Let the referee's container read the key and write below `results`.

    Raises:
        NotAvailable: the engine is on another machine.
        UsageError: files belong to somebody else.
    """
    socket = _socket()
    load_or_create_key(config)
    key = key_path(config)
    results.mkdir(parents=True, exist_ok=True)
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="stopwatch-key-", dir=memory))
    inspection = folder / "inspection.json"
    try:
        folder.chmod(0o700)
        inspection.touch(0o600)
        if os.getuid() == 0 or "name=rootless" in client.info().get("SecurityOptions", []):
            yield Access(key, key.stem, 0, inspection)
            return
        group, copy = socket.stat().st_gid, folder / key.name
        with _refusals():
            shutil.copyfile(key, copy)
            for file in (copy, inspection):
                os.chown(file, -1, group)
                file.chmod(0o640)
            _share(results, group)
        yield Access(copy, key.stem, group, inspection)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _socket() -> Path:
    if not address().startswith("unix://"):
        raise NotAvailable(
            f"The container engine at {address()} is not on this machine, so it cannot mount the "
            "data and results here. Use an engine on this machine, and unset DOCKER_HOST."
        )
    return Path(address().removeprefix("unix://"))


def _share(results: Path, group: int) -> None:
    """Give folders, ledger and locks to the group; a new file below inherits it."""
    for folder, _, files in os.walk(results):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            with contextlib.suppress(FileNotFoundError):  # another trial's file, of a moment
                _share_one(path, group)


def _share_one(path: Path, group: int) -> None:
    if path.is_symlink() or path.lstat().st_uid != os.getuid():
        return  # written by an earlier container: the group has it already
    if path.is_dir():
        os.chown(path, -1, group)
        path.chmod(0o2775)
    elif path.name.startswith("ledger.") or path.suffix == ".lock":
        os.chown(path, -1, group)
        path.chmod(0o664)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise UsageError(
            f"{error.filename}: the referee's container cannot be given access: {error.strerror}. "
            "Join the group of the engine's socket (sudo usermod -aG docker $USER, then log in "
            "again), or use sudo."
        ) from None
