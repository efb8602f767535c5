"""Processes as the operating system shows them in `/proc`. Source: proc(5)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

CpuClock = Literal["schedstat", "ticks"]

_NANOSECONDS_PER_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Process:
    """A line of `/proc/<pid>/stat`."""

    pid: int
    state: str
    parent: int
    threads: int
    started_ticks: int
    resident_bytes: int

    @property
    def has_ended(self) -> bool:
        """Tell whether only the entry in the process table is left.

        The first thread of a process can exit while others run on: then the state alone is `Z`.
        """
        return self.state in "ZXx" and self.threads <= 1


class Thread(NamedTuple):
    """What the kernel counts of a thread; it stands still as long as the thread does."""

    pid: int
    tid: int
    started_ticks: int
    state: str
    cpu_ns: int
    timeslices: int

    @property
    def has_ended(self) -> bool:
        """Tell whether only the entry in the process table is left."""
        return self.state in "ZXx"


def _contents(path: str) -> bytes:
    """Return a file of `/proc`, nothing when the process is gone.

    Read without a Python file object: a freeze reads hundreds of these on the submission's clock.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _stat_fields(path: str) -> list[bytes]:
    """Return the fields of a `stat` file from the third on; none when the process is gone."""
    return _contents(path).rpartition(b")")[2].split()


def read(pid: int) -> Process | None:
    """Return a process, or None when it is gone."""
    fields = _stat_fields(f"/proc/{pid}/stat")
    if not fields:
        return None
    return Process(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        threads=int(fields[17]),
        started_ticks=int(fields[19]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def all_processes() -> dict[int, Process]:
    """Return every process that can be seen here."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return {pid: process for pid in pids if (process := read(pid)) is not None}


def cpu_clock() -> CpuClock:
    """Return how finely the kernel counts a thread's CPU time: nanoseconds, or ticks of 10 ms."""
    fields = _contents("/proc/self/schedstat").split()
    return "schedstat" if len(fields) == 3 and int(fields[2]) else "ticks"


def threads(pid: int, clock: CpuClock) -> list[Thread]:
    """Return the threads of a process that exist now."""
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found = []
    for tid in tids:
        fields = _stat_fields(f"/proc/{pid}/task/{tid}/stat")
        if not fields:
            continue
        cpu_ns, timeslices = (int(fields[11]) + int(fields[12])) * _NANOSECONDS_PER_TICK, 0
        if clock == "schedstat":
            counted = _contents(f"/proc/{pid}/task/{tid}/schedstat").split()
            if not counted:
                continue
            cpu_ns, timeslices = int(counted[0]), int(counted[2])
        found.append(Thread(pid, int(tid), int(fields[19]), fields[0].decode(), cpu_ns, timeslices))
    return found


def peak_resident_bytes(pid: int) -> int:
    """Return the largest resident size that a process ever had."""
    return _status_number(pid, "VmHWM:") * 1024


def seccomp_filters(pid: int) -> int:
    """Return how many filters its system calls pass; 0 from kernels older than 5.9 also."""
    return _status_number(pid, "Seccomp_filters:")


def _status_number(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
