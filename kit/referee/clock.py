"""The one clock of a trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from kit.records.record import NANOSECONDS, Segment
from kit.referee.contention import Meter

Phase = Literal["setup", "submission", "evaluation", "logging"]


class Clock:
    """Divides the time of a trial into phases, in whole nanoseconds, so that the parts sum exactly.

    At any moment one phase runs. Submission time is the sum of the `submission` segments; `meter`
    is told right before each of them, and right after.
    """

    def __init__(
        self, now_ns: Callable[[], int] = time.monotonic_ns, *, meter: Meter | None = None
    ) -> None:
        self.meter = meter or Meter()
        self._now_ns = now_ns
        self._start_ns = now_ns()
        self._phase: Phase | None = "setup"
        self._since_ns = 0
        self._closed: list[Segment] = []
        self._totals: dict[str, int] = dict.fromkeys(
            ("setup", "submission", "evaluation", "logging"), 0
        )

    @property
    def phase(self) -> Phase | None:
        """The running phase, None once stopped."""
        return self._phase

    @property
    def phase_started_ns(self) -> int:
        """Time from the start of the trial to the start of the running phase."""
        return self._since_ns

    def switch(self, phase: Phase | None) -> int:
        """End the running phase and start `phase`; return the time since the start in ns."""
        if self._phase is None:
            raise ValueError("The clock was stopped and cannot run again.")
        if phase == "submission":
            self.meter.begin()
        now = self._elapsed_ns()
        self._closed.append(Segment(phase=self._phase, start_ns=self._since_ns, end_ns=now))
        self._totals[self._phase] += now - self._since_ns
        ended, self._phase, self._since_ns = self._phase, phase, now
        if ended == "submission":
            self.meter.end()
        return now

    def stop(self) -> None:
        """End the running phase for good; stopping twice changes nothing."""
        if self._phase is not None:
            self.switch(None)

    def elapsed_ns(self, phase: Phase) -> int:
        """Return the time spent in `phase` so far."""
        running = self._elapsed_ns() - self._since_ns if phase == self._phase else 0
        return self._totals[phase] + running

    def total_ns(self) -> int:
        """Return the time since the start; once stopped, the time until then."""
        return self._since_ns if self._phase is None else self._elapsed_ns()

    def segments(self) -> list[Segment]:
        """Return the closed segments, in order and without gaps."""
        return list(self._closed)

    def _elapsed_ns(self) -> int:
        return self._now_ns() - self._start_ns


def seconds(nanoseconds: int) -> float:
    """Convert to seconds."""
    return nanoseconds / NANOSECONDS
