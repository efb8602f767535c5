"""Which of several attempts at a trial counts: one rule for referee, studies, verifier and scoring.

| an attempt ended | then |
|---|---|
| by a result: reached, missed, failed, broke a rule | it decides; nothing after it counts |
| without an end, or interrupted | it is used up; others may follow until `max_attempts` are |
| stopped early | it uses none up; it decides until an attempt after it has a result |

A trial whose attempts are used up before a result counts as missed, also where it was stopped early
in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kit.records.record import TrialState

OPEN = (None, TrialState.INTERRUPTED)  # used up without a result
REPEATABLE = (*OPEN, TrialState.STOPPED_EARLY)


@dataclass(frozen=True)
class Ruling:
    """What follows from the states of all attempts at one trial; positions count from 0."""

    deciding: int | None
    stopped: tuple[int, ...]  # attempts that were stopped early, up to the deciding one
    used: int  # attempts that count against `max_attempts`


def rule_on(attempts: Sequence[tuple[int, TrialState | None]], max_attempts: int) -> Ruling:
    """Say which attempt counts.

    Args:
        attempts: number, from 1, and state of each attempt in the order of their numbers; None is
            an attempt without an end. Numbers that are not there were used up.
        max_attempts: how many may be used up.
    """
    stopped: list[int] = []
    for position, (number, state) in enumerate(attempts):
        if number - len(stopped) > max_attempts:
            break
        if state is TrialState.STOPPED_EARLY:
            stopped.append(position)
        elif state not in OPEN:
            return Ruling(position, tuple(stopped), number - len(stopped))
    used = attempts[-1][0] - len(stopped) if attempts else 0
    deciding = stopped[-1] if stopped and used < max_attempts else None
    return Ruling(deciding, tuple(stopped), used)
