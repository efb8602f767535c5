"""What else used the machine while a submission's clock ran. Sources: proc(5), PSI, cgroups.

Counters are read right before the clock runs and right after it stops, off the clock, so that only
submission time counts. What cannot be read is None, and stays None for the whole trial.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from kit.records.record import ContentionRecord

Sample = dict[str, float | None]  # counters in seconds, by the field of the record

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_COUNTERS = ("trial_cpu_seconds", "busy", "steal_seconds", "pressure_seconds", "throttled_seconds")
_BUSY = (0, 1, 2, 5, 6)  # user, nice, system, irq, softirq: fields of "cpu" in /proc/stat
_STEAL = 7


class Meter:
    """Adds up what the machine did while the submission's clock ran."""

    def __init__(self, root: Path = Path("/")) -> None:
        """`root`: of the file system that holds `proc` and `sys`."""
        self._root = root
        self._pids: Callable[[], Iterable[int]] = tuple
        self._before: Sample | None = None
        self._totals: Sample = dict.fromkeys(_COUNTERS, 0.0)
        self._load: float | None = None

    def watch(self, pids: Callable[[], Iterable[int]]) -> None:
        """Take the processes that `pids` returns for those of the trial."""
        self._pids = pids

    def begin(self) -> None:
        """Read the counters: the submission's clock is about to run."""
        self._before = self._sample()

    def end(self) -> None:
        """Read them again: it has stopped."""
        after = self._sample()
        for name, before in (self._before or {}).items():
            total, now = self._totals[name], after[name]
            # A counter that went back is that of processes that have ended.
            known = total is not None and before is not None and now is not None and now >= before
            self._totals[name] = total + now - before if known else None  # type: ignore[operator]
        load = _first_float(self._read("proc/loadavg"))
        self._load = max((x for x in (self._load, load) if x is not None), default=None)

    def record(self, submission_seconds: float) -> ContentionRecord:
        """Return what there was during `submission_seconds` of submission time."""
        if self._before is None:
            return ContentionRecord()
        totals = {n: None if x is None else round(x, 6) for n, x in self._totals.items()}
        busy, own = totals.pop("busy"), totals["trial_cpu_seconds"]
        others = None if busy is None or own is None else round(max(0.0, busy - own), 6)
        return ContentionRecord(
            seconds=submission_seconds,
            cpus=self._cpus(),
            other_cpu_seconds=others,
            load_average=self._load,
            **totals,
        )

    def _sample(self) -> Sample:
        cpu, pids = self._ticks(), list(self._pids())
        return {
            "trial_cpu_seconds": self._cpu_seconds_of(pids),
            "busy": sum(cpu[i] for i in _BUSY) / _TICKS_PER_SECOND if cpu else None,
            "steal_seconds": cpu[_STEAL] / _TICKS_PER_SECOND if len(cpu) > _STEAL else None,
            "pressure_seconds": self._pressure_seconds(),
            "throttled_seconds": self._throttled_seconds(pids),
        }

    def _ticks(self) -> list[int]:
        first = self._read("proc/stat").partition("\n")[0].split()
        return [int(word) for word in first[1:]] if first[:1] == ["cpu"] else []

    def _cpus(self) -> int | None:
        lines = self._read("proc/stat").split("\n")
        names = [line.partition(" ")[0] for line in lines if line.startswith("cpu")]
        return len([name for name in names if name != "cpu"]) or None

    def _cpu_seconds_of(self, pids: Sequence[int]) -> float | None:
        """Return the CPU time of processes and of their children that have ended."""
        stats = [self._read(f"proc/{pid}/stat").rpartition(")")[2].split() for pid in pids]
        ticks = [sum(map(int, fields[11:15])) for fields in stats if fields]
        return sum(ticks) / _TICKS_PER_SECOND if ticks else None

    def _pressure_seconds(self) -> float | None:
        for line in self._read("proc/pressure/cpu").splitlines():
            if line.startswith("some "):
                return int(line.rpartition("total=")[2]) / 1e6
        return None

    def _throttled_seconds(self, pids: Sequence[int]) -> float | None:
        """Return how long quotas held back the control group of the trial, or one above it."""
        times = [time for folder in self._cpu_groups(pids) if (time := self._throttled(folder))]
        seconds = [float(count) / per_second for count, per_second in times]
        return sum(seconds) if seconds else None

    def _throttled(self, folder: str) -> tuple[int, float] | None:
        """Return a group's throttled time and how many of its units a second has."""
        for line in self._read(f"{folder}/cpu.stat").splitlines():
            name, _, count = line.partition(" ")
            if name in ("throttled_usec", "throttled_time"):  # version 2, version 1
                return int(count), 1e6 if name == "throttled_usec" else 1e9
        return None

    def _cpu_groups(self, pids: Sequence[int]) -> Iterator[str]:
        """Yield the folders of the groups that may hold the trial back, up to the root."""
        for line in self._read(f"proc/{pids[0] if pids else 'self'}/cgroup").splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            base = f"sys/fs/cgroup/{controllers}" if controllers else "sys/fs/cgroup"
            parts = [part for part in group.split("/") if part]
            if ".." not in parts:  # a group that cannot be seen from here
                yield from ("/".join([base, *parts[:n]]) for n in range(len(parts), -1, -1))

    def _read(self, path: str) -> str:
        try:
            return (self._root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def _first_float(text: str) -> float | None:
    return float(text.split()[0]) if text else None
