"""The kernel's cgroup freezer: what it holds cannot be woken by any signal.

A cgroup is made for each trainer if this process may make one: version 2 if it is mounted anywhere
(also next to version 1, as systemd's "hybrid" layout has it), else version 1. The trainer is in an
inner cgroup and the outer one is frozen, so that no view of cgroups that it could get shows the
file that thaws it.
Sources: the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/freezer-subsystem.rst.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_PREFIX = "stopwatch-"
_INNER = "trainer"
_POLL_SECONDS = 0.0002
_LOCKED_SECONDS = 10.0  # by then the one who makes a cgroup has locked it
_count = itertools.count(1)


@dataclass(frozen=True)
class _Version:
    method: Literal["cgroup2", "cgroup1"]
    control: str  # the file that freezes, what to write, and what says that all are frozen
    freeze: str
    thaw: str
    status: str
    frozen: str


_VERSIONS = {
    "cgroup2": _Version("cgroup2", "cgroup.freeze", "1", "0", "cgroup.events", "frozen 1"),
    "cgroup1": _Version(
        "cgroup1", "freezer.state", "FROZEN", "THAWED", "freezer.state", "FROZEN"
    ),
}  # fmt: skip


class Freezer:
    """One cgroup that can be frozen."""

    def __init__(self, version: _Version, folder: Path, lock: int) -> None:
        self.method = version.method
        self._version = version
        self._folder = folder
        self._lock = lock
        self._members = folder / _INNER / "cgroup.procs"

    def entering(self, command: Sequence[str]) -> list[str]:
        """Return a command that enters the cgroup and becomes `command`."""
        enter = 'echo 0 >"$0"; exec "$@"'
        return ["/bin/sh", "-c", enter, str(self._members), *command]

    def pids(self) -> set[int]:
        """Return the processes inside."""
        return {int(pid) for pid in self._members.read_text().split()}

    def freeze(self, timeout_seconds: float) -> bool:
        """Freeze what is inside; return whether all of it is frozen in time."""
        self._write(self._version.freeze)
        deadline = time.monotonic() + timeout_seconds
        status = self._folder / self._version.status
        while self._version.frozen not in status.read_text().splitlines():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def thaw(self) -> None:
        """Let what is inside run."""
        self._write(self._version.thaw)

    def close(self) -> None:
        """Kill what is still inside and remove the cgroup."""
        _remove(self._version, self._folder)
        os.close(self._lock)

    def _write(self, text: str) -> None:
        (self._folder / self._version.control).write_text(text)


def make_freezer(methods: Sequence[str] = ("cgroup2", "cgroup1")) -> Freezer | None:
    """Return a freezer by the first of `methods` that works here, or None."""
    for method in methods:
        version = _VERSIONS[method]
        for parent in _parents(version):
            with contextlib.suppress(OSError):
                _clear_away_abandoned(version, parent)
                folder = parent / f"{_PREFIX}{os.getpid()}-{next(_count)}"
                (folder / _INNER).mkdir(parents=True)
                lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                freezer = Freezer(version, folder, lock)
                if freezer.freeze(timeout_seconds=1.0):  # nothing is inside: it tells at once
                    freezer.thaw()
                    return freezer
                freezer.close()
    return None


def _parents(version: _Version) -> Iterator[Path]:
    """Yield this process's cgroup in each hierarchy that can freeze."""
    own = {
        controllers: path
        for _, controllers, path in (
            line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()
        )
    }
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mounted_at, kind, options, *_ = line.split(" ")
        if version.method == "cgroup2" and kind == "cgroup2":
            yield Path(mounted_at) / own.get("", "/").lstrip("/")
        elif version.method == "cgroup1" and kind == "cgroup" and "freezer" in options.split(","):
            names = next((name for name in own if "freezer" in name.split(",")), "")
            yield Path(mounted_at) / own.get(names, "/").lstrip("/")


def _clear_away_abandoned(version: _Version, parent: Path) -> None:
    """Remove cgroups whose referee was killed: the kernel dropped its lock with it."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if time.time() - folder.stat().st_mtime < _LOCKED_SECONDS:
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(version, folder)


def _remove(version: _Version, folder: Path, patience_seconds: float = 5.0) -> None:
    deadline = time.monotonic() + patience_seconds
    while folder.exists() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            for procs in folder.rglob("cgroup.procs"):
                for pid in procs.read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
            (folder / version.control).write_text(version.thaw)  # version 1 kills only then
            for inner in sorted(folder.rglob("*/"), reverse=True):
                inner.rmdir()
            folder.rmdir()
            return
        time.sleep(0.01)
