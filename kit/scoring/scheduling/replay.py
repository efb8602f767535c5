"""Replay the schedule over results that are complete: what it saves, and that no score changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.scoring.results import Results
from kit.scoring.scheduling.decision import STOPPED_EARLY, limit_of
from kit.scoring.scheduling.knowledge import Knowledge, Place, Situation, knowledge_of
from kit.scoring.scheduling.limits import ALL_RULES, Limit, Rule
from kit.scoring.scheduling.order import as_listed, next_place
from kit.scoring.trial import MISSED, Outcome, TrialResult, censored

Order = Literal["variants first", "base first", "adaptive"]


@dataclass(frozen=True)
class Strategy:
    """Some of the rules, in some order."""

    name: str
    rules: Collection[Rule]
    order: Order


_PLAIN = frozenset(
    {
        Rule.STUDY_BEST,
        Rule.MEDIAN_SECURED,
        Rule.MAJORITY_LOST,
        Rule.BASE_LOST,
        Rule.VARIANT_LOST,
    }
)
_CUT_OFFS = frozenset({Rule.CUT_OFF, Rule.VARIANT_CUT_OFF})
SCHEDULE = Strategy("+ an order that adapts", ALL_RULES, "adaptive")
STEPS = (
    Strategy("plain rules, variants before base", _PLAIN, "variants first"),
    Strategy("+ base before variants", _PLAIN, "base first"),
    Strategy("+ deciding study", _PLAIN | {Rule.MEDIAN_DECIDED}, "base first"),
    Strategy("+ cut-offs", _PLAIN | {Rule.MEDIAN_DECIDED} | _CUT_OFFS, "base first"),
    Strategy("+ variant's gate decided", ALL_RULES, "base first"),
    SCHEDULE,
)


@dataclass(frozen=True)
class Replay:
    """What came of one replay.

    Attributes:
        results: with stopped trials; those of submissions that were not scheduled as given.
        seconds: submission time of every trial that was run, by trial_id.
        stops: how many trials each rule stopped or made needless.
    """

    results: Results
    seconds: Mapping[TrialId, float]
    stops: Mapping[Rule, int]


def full_seconds(results: Results) -> dict[TrialId, float]:
    """Return the submission time of every trial that is there, until its target or its end.

    That is the plain count that a replay is compared with: a trial ends at its target, and one that
    misses it at its last evaluation, or at its budget if that comes first.
    """
    return {trial_id: _spent(results, trial) for trial_id, trial in results.trials.items()}


def replay(
    complete: Results,
    strategy: Strategy = SCHEDULE,
    *,
    scheduled: Sequence[str] | None = None,
    field_closed: bool = True,
) -> Replay:
    """Run the scheduled submissions one trial after the other against outcomes that are hidden.

    Args:
        complete: the outcomes; what is missing is missed, and costs nothing.
        strategy: rules and order.
        scheduled: the submissions to run; None for all. The others' results are known beforehand.
        field_closed: as in `Situation`.

    Raises:
        UsageError: a scheduled trial was stopped early, so that its outcome is not known.
    """
    names = tuple(complete.submissions if scheduled is None else scheduled)
    for trial in complete.censored():
        if trial.id.submission in names:
            raise UsageError(
                f"A replay needs the outcome of every trial, and {trial.id} was stopped early. "
                "Give results of runs made to their end."
            )
    kept = {
        trial_id: t for trial_id, t in complete.trials.items() if trial_id.submission not in names
    }
    known = knowledge_of(Situation(replace(complete, trials=kept), names, {}, field_closed))
    seconds: dict[TrialId, float] = {}
    stops: Counter[Rule] = Counter()
    places = _Places(known, strategy.order)
    while (place := places.after(known)) is not None:
        limit = limit_of(known, place, strategy.rules)
        ended, spent = _run(complete, known.trial_id(place), limit)
        known = known.after(place, ended.outcome if ended else MISSED)
        if ended is not None:
            kept[ended.id], seconds[ended.id] = ended, spent
            if limit is not None and ended.state == STOPPED_EARLY:
                stops[limit.rule] += 1
    return Replay(replace(complete, trials=kept), seconds, stops)


class _Places:
    """Gives the next trial under any of the orders."""

    def __init__(self, known: Knowledge, order: Order) -> None:
        self._adaptive = order == "adaptive"
        self._listed: Iterator[Place] = as_listed(known, variants_first=order == "variants first")

    def after(self, known: Knowledge) -> Place | None:
        return next_place(known) if self._adaptive else next(self._listed, None)


def _run(
    complete: Results, trial_id: TrialId, limit: Limit | None
) -> tuple[TrialResult | None, float]:
    """Return how a trial ends under a limit, and its submission time; None for a missing one."""
    trial = complete.trials.get(trial_id)
    if trial is None:
        return None, 0.0
    spent = _spent(complete, trial)
    until = np.inf if limit is None else limit.seconds
    reached = np.isfinite(trial.outcome.highest)
    if limit is None or (until > 0 and (spent <= until if reached else spent < until)):
        return trial, spent
    outcome: Outcome = censored(until, (limit.rule.value,))
    return TrialResult(trial_id, outcome, STOPPED_EARLY, source=trial.source), until


def _spent(results: Results, trial: TrialResult) -> float:
    if np.isfinite(trial.outcome.highest):
        return trial.outcome.highest
    goal = results.rules.goals[trial.id.workload, trial.id.variant]
    return min(trial.last_seconds, goal.budget_seconds)
