"""Processes as the operating system shows them in `/proc`. Source: proc(5)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STOPPED = frozenset({b"T", b"t", b"Z", b"X", b"x"})
_UNINTERRUPTIBLE = b"D"


@dataclass(frozen=True)
class Process:
    """A line of `/proc/<pid>/stat`."""

    pid: int
    state: str
    parent: int
    cpu_ticks: int
    started_ticks: int
    resident_bytes: int

    @property
    def has_ended(self) -> bool:
        """Tell whether only the entry in the process table is left."""
        return self.state in "ZXx"


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


def read(pid: int) -> Process | None:
    """Return a process, or None when it is gone."""
    fields = _stat_fields(f"/proc/{pid}/stat")
    if fields is None:
        return None
    return Process(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
        started_ticks=int(fields[19]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def all_processes() -> dict[int, Process]:
    """Return every process that can be seen here."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: process for pid in pids if (process := read(pid)) is not None}


def is_stopped(pid: int, *, was_told: bool) -> bool:
    """Tell whether no thread of a process can run before it is woken, or the process is gone.

    A thread in uninterruptible sleep counts when the process `was_told` to stop: it stops before it
    runs again. One can wait there for as long as it likes, as the parent of a `vfork` that does not
    come to its `exec`.
    """
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return read(pid) is None
    for thread in threads:
        fields = _stat_fields(f"/proc/{pid}/task/{thread}/stat")
        if fields is None or fields[0] in _STOPPED:
            continue
        if not (was_told and fields[0] == _UNINTERRUPTIBLE):
            return False
    return True


def cpu_seconds(processes: Iterable[Process]) -> float:
    """Return the CPU time that processes have used so far."""
    return sum(process.cpu_ticks for process in processes) / _TICKS_PER_SECOND


def peak_resident_bytes(pid: int) -> int:
    """Return the largest resident size that a process ever had."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
