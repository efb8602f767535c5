"""What proves that a frozen trainer stood still: every thread as it was when it was frozen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kit.referee.proc import CpuClock, Thread, threads

RUNNING, UNINTERRUPTIBLE, _STOPPED = "R", "D", "T"  # states of a thread. Source: proc(5)
_STOPPING_NS = 1_000_000  # CPU time that a thread may need from uninterruptible sleep to its stop


@dataclass(frozen=True)
class Standstill:
    """All threads of a trainer at one moment."""

    threads: frozenset[Thread]

    @staticmethod
    def of(pids: Iterable[int], clock: CpuClock) -> Standstill:
        """Read the threads of `pids`."""
        return Standstill(frozenset(thread for pid in pids for thread in threads(pid, clock)))

    def changes(self, later: Standstill) -> list[str]:
        """Return what has changed, in words. A thread that never ran has changed in nothing."""
        after = {(t.pid, t.tid): t for t in later.threads - self.threads}
        gone = self.threads - later.threads
        alive = {t.pid for t in self.threads if not t.has_ended}
        return [
            *_changed(gone, after, alive),
            *(f"thread {tid} of process {pid} is new" for pid, tid in sorted(after)),
        ]

    def cpu_seconds(self, later: Standstill) -> float:
        """Return the CPU time used meanwhile: no thread's can hide behind one that ended."""
        before = {(t.pid, t.tid, t.started_ticks): t.cpu_ns for t in self.threads}
        return sum(
            max(0, t.cpu_ns - before.get((t.pid, t.tid, t.started_ticks), 0))
            for t in later.threads
        ) / 1e9  # fmt: skip


def _changed(
    gone: Iterable[Thread], after: dict[tuple[int, int], Thread], alive: set[int]
) -> Iterator[str]:
    """Yield the changes of threads that are not as before; takes those explained from `after`."""
    for was in sorted(gone):
        now = after.get((was.pid, was.tid))
        name = f"thread {was.tid} of process {was.pid}"
        if now is None or now.started_ticks != was.started_ticks:
            if was.pid in alive:  # otherwise it had ended, and its parent's death reaped it
                yield f"{name} is gone"
            continue
        del after[was.pid, was.tid]
        used_ns = now.cpu_ns - was.cpu_ns
        stopping = was.state == UNINTERRUPTIBLE and now.state in (UNINTERRUPTIBLE, _STOPPED)
        if stopping and used_ns <= _STOPPING_NS:
            continue
        if used_ns or now.timeslices != was.timeslices:
            yield f"{name} ran for {used_ns / 1e6:.3f} ms"
        else:
            yield f"{name} went from state {was.state} to {now.state}"
