"""Which of several attempts at a trial counts: one rule for referee, studies, verifier and scoring.

| an attempt ended | then |
|---|---|
| by a result: reached, missed, failed, broke a rule | it decides; nothing after it counts |
| without an end, or interrupted, after its clock had started | it is used up; others may follow |
| without an end, or interrupted, during set-up | it is listed, and does not count |
| stopped early | it does not count; it decides until an attempt after it has a result |

At most `max_attempts` may be used up. A trial whose attempts are used up before a result counts as
missed, even if it was stopped early in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kit.records.record import TrialState

OPEN = (None, TrialState.INTERRUPTED)  # used up without a result
REPEATABLE = (*OPEN, TrialState.STOPPED_EARLY)


class Tried(NamedTuple):
    """One attempt, as far as the rule needs it."""

    number: int  # counted from 1
    state: TrialState | None  # None: it has no end
    clock_started: bool  # true also where a ledger is too old to tell

    @property
    def is_free(self) -> bool:
        """Tell whether it may be repeated without being used up."""
        ended_in_setup = self.state in OPEN and not self.clock_started
        return ended_in_setup or self.state is TrialState.STOPPED_EARLY


@dataclass(frozen=True)
class Ruling:
    """What follows from all attempts at one trial; positions count from 0."""

    deciding: int | None
    stopped: tuple[int, ...]  # attempts that were stopped early, up to the deciding one
    used: int  # attempts that count against `max_attempts`


def rule_on(attempts: Sequence[Tried], max_attempts: int) -> Ruling:
    """Say which attempt counts.

    Args:
        attempts: in the order of their numbers. Numbers that are not there were used up.
        max_attempts: how many may be used up.
    """
    stopped: list[int] = []
    free = 0
    for position, attempt in enumerate(attempts):
        if attempt.number - free > max_attempts:
            break
        if attempt.is_free:
            free += 1
            if attempt.state is TrialState.STOPPED_EARLY:
                stopped.append(position)
        elif attempt.state not in OPEN:
            return Ruling(position, tuple(stopped), attempt.number - free)
    used = attempts[-1].number - free if attempts else 0
    deciding = stopped[-1] if stopped and used < max_attempts else None
    return Ruling(deciding, tuple(stopped), used)
