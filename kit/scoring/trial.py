"""One trial as scoring sees it: which one it is, and the time to target that follows from it.

An outcome is an interval of possible times to target. A finished trial has one point: seconds, or
infinity for a miss. A trial that was stopped early is *censored*: [submission time so far, ∞].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId

INFINITY = math.inf


@dataclass(frozen=True)
class Outcome:
    """The interval that the time to target lies in, in seconds; `reasons` say why it is not one."""

    lowest: float
    highest: float
    reasons: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Tell whether the time is known: a finished trial, reached or missed."""
        return self.lowest == self.highest


MISSED = Outcome(INFINITY, INFINITY)


def exact(seconds: float) -> Outcome:
    """Return the outcome of a trial that reached its target."""
    return Outcome(seconds, seconds)


def censored(bound_seconds: float, reasons: Sequence[str]) -> Outcome:
    """Return the outcome of a trial that was stopped after `bound_seconds`, target not reached."""
    return Outcome(bound_seconds, INFINITY, tuple(reasons))


@dataclass(frozen=True)
class Goal:
    """What a trial is measured against: the validation target and the budget in seconds."""

    target: Target
    budget_seconds: float


@dataclass(frozen=True)
class Stop:
    """Why a curve ends without being a full trial.

    A *forfeited* trial (failed, rule violation, interrupted for good) counts as missed whatever its
    curve says. Otherwise the trial was stopped early, at `seconds` of submission time.
    """

    state: str
    forfeited: bool
    seconds: float = INFINITY
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """The first evaluation whose value reaches the target, budget not looked at."""

    evaluation: int  # counted from 0
    seconds: float


@dataclass(frozen=True)
class TrialResult:
    """One trial with what follows from its raw evaluations."""

    id: TrialId
    outcome: Outcome
    state: str
    reached: Reached | None = None
    evaluations: int = 0
    source: str = ""  # where it was read, for messages
    last_seconds: float = 0.0  # submission time at the last evaluation


def judge(
    trial_id: TrialId,
    seconds: Sequence[float],
    values: Sequence[float],
    goal: Goal,
    *,
    stop: Stop | None = None,
    source: str = "",
) -> TrialResult:
    """Derive a trial's result from its raw evaluations.

    The time to target is the submission time at the *first* evaluation whose validation metric
    reaches the target, if that lies within the budget; infinity otherwise.

    Args:
        trial_id: which trial.
        seconds: submission time at each evaluation, increasing.
        values: the validation metric at each evaluation; may hold NaN.
        goal: target and budget.
        stop: why the curve is not a full trial; None for one that ran to its end.
        source: named in messages.

    Source: rules of AlgoPerf, "Scoring": time until the validation target within max_runtime.
    """
    first = next((i for i, value in enumerate(values) if goal.target.reached_by(value)), None)
    reached = None if first is None else Reached(first, float(seconds[first]))
    if stop is not None and stop.forfeited:
        reached = None
    if reached is not None and reached.seconds <= goal.budget_seconds:
        state, outcome = "target_reached", exact(reached.seconds)
    elif stop is not None and not stop.forfeited and stop.seconds <= goal.budget_seconds:
        state, outcome = stop.state, censored(stop.seconds, stop.reasons)
    else:
        state, outcome = "over_budget" if reached else (stop.state if stop else "missed"), MISSED
    last_seconds = float(seconds[-1]) if len(seconds) else 0.0
    return TrialResult(trial_id, outcome, state, reached, len(values), source, last_seconds)


def not_before(trial: TrialResult, stopped_seconds: float) -> TrialResult:
    """Return the result of a trial that an earlier attempt showed not to reach its target so soon.

    A trial that was stopped early and resumed repeats point and seed, but not the machine's noise.
    What decides is the later of both times, so that nobody gains by stopping and trying again.
    """
    outcome = trial.outcome
    later = Outcome(
        max(outcome.lowest, stopped_seconds), max(outcome.highest, stopped_seconds), outcome.reasons
    )
    return replace(trial, outcome=later)
