"""The trainer's processes: find, freeze, thaw, audit, kill.

Started here, every process that descends from the one that was launched belongs to the trainer, and
so does every child of the referee that the referee did not start: as "child subreaper" it inherits
orphans, also those that called `setsid` or forked twice. In containers it is every process of the
PID namespace that the referee owns.
"""

from __future__ import annotations

import abc
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterable, Set

from kit.errors import TrainerFailed, TrialError
from kit.records.record import FreezingRecord
from kit.referee.freezer import Freezer
from kit.referee.proc import (
    Process,
    all_processes,
    cpu_clock,
    peak_resident_bytes,
    read,
    seccomp_filters,
)
from kit.referee.standstill import RUNNING, UNINTERRUPTIBLE, Standstill

_PR_SET_CHILD_SUBREAPER = 36
_INIT = 1
_STOPPED = frozenset("TtZXx")
_FREEZER_SECONDS = 1.0  # then what is not frozen is stopped by signals
_UNINTERRUPTIBLE_SECONDS = 0.05  # longer than a thread reads from a disk


def become_subreaper() -> None:
    """Make this process inherit the orphans of its descendants (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Processes(abc.ABC):
    """All processes of one trainer.

    A cgroup holds them if there is a `freezer`; signals stop what is not in it. Either way every
    thread is read when it is frozen, and again in `changes`.
    """

    def __init__(self, freezer: Freezer | None = None) -> None:
        self.freezer = freezer
        self.cpu_clock = cpu_clock()
        self._signalled: set[int] = set()
        self._peak_resident_bytes = 0

    @abc.abstractmethod
    def _members(self) -> dict[int, Process]:
        """Return the processes that exist now, those that ended and were not reaped included."""

    @abc.abstractmethod
    def _signal(self, pids: Iterable[int], number: int) -> None:
        """Send a signal to `pids`, or to all of the trainer's processes at once."""

    def _reap(self) -> None:  # noqa: B027 - in a PID namespace its init does it
        """Collect what this process inherited."""

    def pids(self) -> set[int]:
        """Return the processes that exist now."""
        return set(self._members())

    def any_running(self) -> bool:
        """Tell whether a process exists that has not ended."""
        return any(not process.has_ended for process in self._members().values())

    def freezing(self) -> FreezingRecord | None:
        """Return how these processes will be held and watched, or None if there are none."""
        pids = self.pids()
        if not pids:
            return None
        own = seccomp_filters(os.getpid())
        filtered = [seccomp_filters(pid) > own for pid in self._confined(pids)]
        return FreezingRecord(
            method=self.freezer.method
            if self.freezer and pids <= self.freezer.pids()
            else "signals",
            cpu_clock=self.cpu_clock,
            seccomp=bool(filtered) and all(filtered),
        )

    def _confined(self, pids: set[int]) -> set[int]:
        """Return those of `pids` that submission code can be in."""
        return pids

    def freeze(self, timeout_seconds: float = 10.0) -> Standstill:
        """Stop every process and return what all of their threads have done so far.

        Without a freezer it scans until two scans in a row find the same processes, all of them
        stopped: a process that forks while it is being stopped is found by the next scan.

        Raises:
            TrainerFailed: the processes do not stop. It is the trainer's failure, not the host's:
                otherwise a trial could end itself as interrupted, and be repeated.
        """
        start = time.monotonic()
        frozen: set[int] = set()
        if self.freezer and self.freezer.freeze(_FREEZER_SECONDS):
            frozen = self.freezer.pids()
        before: Set[int] = frozenset()
        while (elapsed := time.monotonic() - start) < timeout_seconds:
            members = self._members()
            now = Standstill.of(members, self.cpu_clock)
            # One can wait uninterruptibly for as long as it likes, as the parent of a `vfork` that
            # does not come to its `exec`; told to stop, it stops before it runs again.
            waiting = self._signalled if elapsed > _UNINTERRUPTIBLE_SECONDS else set()
            running = {
                thread.pid
                for thread in now.threads
                if thread.state not in _STOPPED
                # A thread counts as frozen a few instructions before it leaves its processor.
                and not (thread.pid in frozen and thread.state != RUNNING)
                and not (thread.pid in waiting and thread.state == UNINTERRUPTIBLE)
            }
            if not running and (
                members.keys() <= frozen
                or (members.keys() == before and Standstill.of(members, self.cpu_clock) == now)
            ):
                self._note_memory(members)
                return now
            if told := running - frozen:
                self._signal(told, signal.SIGSTOP)
                self._signalled |= told
            before = members.keys()
        raise TrainerFailed(
            "The trainer's processes could not be stopped for an evaluation within "
            f"{timeout_seconds:.0f} s."
        )

    def standstill(self) -> Standstill:
        """Return what the threads that exist now have done so far."""
        return Standstill.of(self._members(), self.cpu_clock)

    def thaw(self) -> None:
        """Let every process run again."""
        if self.freezer:
            self.freezer.thaw()
        if self._signalled:
            self._signal(self._signalled, signal.SIGCONT)
        self._signalled = set()

    def kill(self, patience_seconds: float = 120.0) -> None:
        """Kill every process and reap what this process inherited.

        Thousands of forked children take most of a minute to give their memory back, all at the
        same time: it is long before the first one is gone.

        Raises:
            TrialError: something survives, and has done so for `patience_seconds`.
        """
        self._note_memory(self._members())
        fewest, since = None, time.monotonic()
        while members := {pid for pid, p in self._members().items() if not p.has_ended}:
            if fewest is None or len(members) < fewest:
                fewest, since = len(members), time.monotonic()
            elif time.monotonic() - since > patience_seconds:
                raise TrialError(
                    f"Processes of the trainer survive SIGKILL: {len(members)} of them, the first "
                    f"{min(members)}. Check this machine for processes in uninterruptible sleep."
                )
            self._signal(members, signal.SIGKILL)
            if self.freezer:
                self.freezer.thaw()  # version 1 lets nothing die before
            time.sleep(0.002)
            self._reap()
        self._reap()
        if self.freezer:
            self.freezer.close()
            self.freezer = None

    def resident_bytes(self) -> int:
        """Return the memory that the processes hold now."""
        return sum(process.resident_bytes for process in self._members().values())

    @property
    def peak_resident_bytes(self) -> int:
        """The largest sum of peak resident sizes seen at a freeze or at the end."""
        return self._peak_resident_bytes

    def _note_memory(self, pids: Iterable[int]) -> None:
        peak = sum(peak_resident_bytes(pid) for pid in pids)
        self._peak_resident_bytes = max(self._peak_resident_bytes, peak)


class ProcessTree(Processes):
    """The process `root_pid`, its descendants, and orphans that this process inherited."""

    def __init__(self, root_pid: int, freezer: Freezer | None = None) -> None:
        super().__init__(freezer)
        root = read(root_pid)
        self._root = root_pid
        self._referee = os.getpid()
        self._launched_ticks = root.started_ticks if root else 0
        self._own_children = {
            process.pid
            for process in all_processes().values()
            if process.parent == self._referee and process.pid != root_pid
        }

    def _members(self) -> dict[int, Process]:
        processes = all_processes()
        roots = [
            pid
            for pid, process in processes.items()
            if pid == self._root
            or (
                process.parent == self._referee
                and pid not in self._own_children
                and process.started_ticks >= self._launched_ticks
            )
        ]
        return _with_descendants(roots, processes)

    def _confined(self, pids: set[int]) -> set[int]:
        return pids - {self._root} or pids  # bwrap's first process stays outside its sandbox

    def _signal(self, pids: Iterable[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        for pid, process in self._members().items():
            if pid != self._root and process.parent == self._referee:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


class NamespaceProcesses(Processes):
    """Every process of this PID namespace but its init and the referee's own family.

    One `kill(-1)` reaches all of them in one system call, so nothing can fork away from it; the
    kernel leaves out init and the caller. Source: kill(2).
    """

    def _members(self) -> dict[int, Process]:
        processes = all_processes()
        own = set(_with_descendants([os.getpid()], processes))
        pid = os.getpid()
        while pid in processes:
            own.add(pid)
            pid = processes[pid].parent
        own.add(_INIT)
        return {pid: process for pid, process in processes.items() if pid not in own}

    def _signal(self, pids: Iterable[int], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # there is none
            os.kill(-1, number)


def _with_descendants(roots: list[int], processes: dict[int, Process]) -> dict[int, Process]:
    children: dict[int, list[int]] = {}
    for pid, process in processes.items():
        children.setdefault(process.parent, []).append(pid)
    found: dict[int, Process] = {}
    pending = list(roots)
    while pending:
        pid = pending.pop()
        if pid in processes and pid not in found:
            found[pid] = processes[pid]
            pending.extend(children.get(pid, ()))
    return found
