"""The trainer's processes as the operating system shows them: find, freeze, thaw, audit, kill.

Every process that descends from the one that was launched belongs to the trainer, and so does every
child of the referee that the referee did not start: as "child subreaper" it inherits orphans, also
those that called `setsid` or forked twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.errors import TrialError

_PR_SET_CHILD_SUBREAPER = 36
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STOPPED = frozenset({b"T", b"t", b"Z", b"X", b"x"})


@dataclass(frozen=True)
class _Process:
    """A line of `/proc/<pid>/stat`. Source: proc(5)."""

    pid: int
    state: str
    parent: int
    cpu_ticks: int
    started_ticks: int
    resident_bytes: int


def _stat_fields(path: str) -> list[bytes] | None:
    """Return the fields of a `stat` file from the third on; None when the process is gone.

    Read without a Python file object: a freeze reads hundreds of these on the submission's clock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, 4096).rpartition(b")")[2].split() or None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _read(pid: int) -> _Process | None:
    fields = _stat_fields(f"/proc/{pid}/stat")
    if fields is None:
        return None
    return _Process(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        started_ticks=int(fields[19]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def _all_processes() -> dict[int, _Process]:
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: process for pid in pids if (process := _read(pid)) is not None}


def become_subreaper() -> None:
    """Make this process inherit the orphans of its descendants (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class ProcessTree:
    """All processes of one trainer."""

    def __init__(self, root_pid: int) -> None:
        root = _read(root_pid)
        self._root = root_pid
        self._referee = os.getpid()
        self._launched_ticks = root.started_ticks if root else 0
        self._own_children = {
            process.pid
            for process in _all_processes().values()
            if process.parent == self._referee and process.pid != root_pid
        }
        self._peak_resident_bytes = 0

    def _members(self) -> dict[int, _Process]:
        processes = _all_processes()
        members: dict[int, _Process] = {}
        pending = [
            pid
            for pid, process in processes.items()
            if pid == self._root
            or (
                process.parent == self._referee
                and pid not in self._own_children
                and process.started_ticks >= self._launched_ticks
            )
        ]
        children: dict[int, list[int]] = {}
        for pid, process in processes.items():
            children.setdefault(process.parent, []).append(pid)
        while pending:
            pid = pending.pop()
            if pid in processes and pid not in members:
                members[pid] = processes[pid]
                pending.extend(children.get(pid, ()))
        return members

    def pids(self) -> set[int]:
        """Return the processes that exist now."""
        return set(self._members())

    def freeze(self, timeout_seconds: float = 10.0) -> float:
        """Stop every process and return the CPU seconds they have used so far.

        Scans until two scans in a row find the same processes, all of them stopped: a process that
        forks while it is being stopped is found by the next scan.

        Raises:
            TrialError: the processes do not stop.
        """
        deadline = time.monotonic() + timeout_seconds
        before: set[int] | None = None
        while time.monotonic() < deadline:
            members = self._members()
            running = [pid for pid in members if not _is_stopped(pid)]
            if not running and members.keys() == before:
                self._peak_resident_bytes = max(
                    self._peak_resident_bytes, sum(_peak_resident(pid) for pid in members)
                )
                return _cpu_seconds(members)
            self._signal(running, signal.SIGSTOP)
            before = set(members)
        raise TrialError(
            "The trainer's processes could not be stopped for an evaluation within "
            f"{timeout_seconds:.0f} s. Check the host for processes in uninterruptible sleep."
        )

    def cpu_seconds(self) -> float:
        """Return the CPU seconds used so far by the processes that exist now."""
        return _cpu_seconds(self._members())

    def thaw(self) -> None:
        """Let every process run again."""
        self._signal(self._members(), signal.SIGCONT)

    def kill(self, timeout_seconds: float = 10.0) -> None:
        """Kill every process and reap what this process inherited.

        Raises:
            TrialError: something survives.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            members = {pid: p for pid, p in self._members().items() if p.state not in "ZXx"}
            if not members:
                break
            self._peak_resident_bytes = max(
                self._peak_resident_bytes, sum(_peak_resident(pid) for pid in members)
            )
            if time.monotonic() > deadline:
                raise TrialError(f"Processes of the trainer survive SIGKILL: {sorted(members)}.")
            self._signal(members, signal.SIGKILL)
            time.sleep(0.002)
            self._reap()
        self._reap()

    def _reap(self) -> None:
        for pid, process in self._members().items():
            if pid != self._root and process.parent == self._referee:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def resident_bytes(self) -> int:
        """Return the memory that the processes hold now."""
        return sum(process.resident_bytes for process in self._members().values())

    @property
    def peak_resident_bytes(self) -> int:
        """The largest sum of peak resident sizes seen at a freeze or at the end."""
        return self._peak_resident_bytes

    @staticmethod
    def _signal(pids: Iterator[int] | list[int] | dict[int, _Process], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _is_stopped(pid: int) -> bool:
    """Tell whether every thread of a process is stopped, or the process is gone."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return _read(pid) is None
    for thread in threads:
        fields = _stat_fields(f"/proc/{pid}/task/{thread}/stat")
        if fields is not None and fields[0] not in _STOPPED:
            return False
    return True


def _cpu_seconds(members: dict[int, _Process]) -> float:
    return sum(process.cpu_ticks for process in members.values()) / _TICKS_PER_SECOND


def _peak_resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
