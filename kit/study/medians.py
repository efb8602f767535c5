"""The time of each study and of each workload, as far as finished trials tell."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kit.records.record import TrialState
from kit.scoring.trial import INFINITY, MISSED, Outcome, censored, exact
from kit.study.assignment import Assignment, Part
from kit.study.owed import Board, Phase, Standing

_UNKNOWN = Outcome(0.0, INFINITY)  # still owed


@dataclass(frozen=True)
class PartTimes:
    """The interval that each study's time lies in, and the median of the studies that were run."""

    part: Part
    studies: tuple[Outcome, ...]
    median: Outcome


def part_times(assignment: Assignment, board: Board) -> tuple[PartTimes, ...]:
    """Return for each workload the minimum over trials of each study, and their median."""
    times = []
    for part in assignment.parts:
        outcomes = [outcome_of(board[trial_id]) for trial_id in assignment.trials_of(part)]
        studies = tuple(
            _interval(outcomes[first : first + assignment.trials], minimum=True)
            for first in range(0, len(outcomes), assignment.trials)
        )
        times.append(PartTimes(part, studies, _interval(studies, minimum=False)))
    return tuple(times)


def outcome_of(standing: Standing) -> Outcome:
    """Return the interval that a trial's time to target lies in, as scoring counts it."""
    decided = standing.decided
    if decided is None:
        return MISSED if standing.phase is Phase.GIVEN_UP else _UNKNOWN
    result = decided.result
    if result is None:
        return MISSED
    if decided.state is TrialState.STOPPED_EARLY:
        return censored(standing.stopped_seconds, (result.stop_rule,))
    seconds = result.time_to_target_seconds
    if seconds is None or not math.isfinite(seconds):
        return MISSED
    return exact(max(seconds, standing.stopped_seconds))


def _interval(outcomes: Sequence[Outcome], *, minimum: bool) -> Outcome:
    """Return the interval of a minimum or median: both rise with each of their values."""
    of = min if minimum else statistics.median
    return Outcome(of([o.lowest for o in outcomes]), of([o.highest for o in outcomes]))
