"""What the schedule saves on complete results, rule by rule, and the proof of the scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kit.contracts.trial_id import TrialId
from kit.scoring.censoring import require_decided
from kit.scoring.leaderboard import scores_under
from kit.scoring.results import Floats, Results
from kit.scoring.rules import WRITTEN_RULES
from kit.scoring.scheduling.limits import Rule
from kit.scoring.scheduling.oracle import oracle_seconds
from kit.scoring.scheduling.replay import STEPS, Replay, Strategy, full_seconds, replay


@dataclass(frozen=True)
class Field:
    """Who is scheduled, and what is known of the others.

    Attributes:
        complete: everybody's results.
        scheduled: the submissions to run.
        alone: each of them by itself; otherwise all together, by one organiser.
        rivals_known: the results of all others are known beforehand, and final; otherwise nothing
            is known of them, and only rules are used that hold whatever they do.
    """

    complete: Results
    scheduled: tuple[str, ...]
    alone: bool = False
    rivals_known: bool = False

    def groups(self) -> list[tuple[str, ...]]:
        """Return the submissions that are run together."""
        return [(name,) for name in self.scheduled] if self.alone else [self.scheduled]

    def replay(self, group: Sequence[str], strategy: Strategy) -> Replay:
        """Replay one group; the results are the group's and, where known, the rivals'."""
        everyone = set(group) == set(self.complete.submissions)
        visible = self.complete if self.rivals_known else only(self.complete, group)
        closed = self.rivals_known or everyone
        return replay(visible, strategy, scheduled=group, field_closed=closed)


@dataclass(frozen=True)
class Step:
    """One strategy's cost and its scores beside those without stopping."""

    strategy: Strategy
    seconds: Floats  # shape (scheduled submissions, base workloads, 2)
    stops: Mapping[Rule, int]
    scores: Mapping[str, float]  # of the scheduled submissions
    identical: bool  # everybody's scores, with those without stopping


@dataclass(frozen=True)
class Savings:
    """All steps; seconds are submission time, arrays are by scheduled submission and workload."""

    field: Field
    full: Floats  # shape (scheduled submissions, base workloads, 2)
    oracle: Floats  # shape (scheduled submissions, base workloads)
    scores: Mapping[str, float]  # of the scheduled submissions, without stopping
    steps: tuple[Step, ...]

    @property
    def identical(self) -> bool:
        """Tell whether no step changed a score."""
        return all(step.identical for step in self.steps)


def only(results: Results, submissions: Sequence[str]) -> Results:
    """Return the results of some submissions."""
    return Results(
        results.rules,
        {
            trial_id: trial
            for trial_id, trial in results.trials.items()
            if trial_id.submission in submissions
        },
        {name: results.first_study[name] for name in submissions},
        {name: results.first_trial[name] for name in submissions},
    )


def measure(field: Field, strategies: Sequence[Strategy] = STEPS) -> Savings:
    """Replay every strategy, and compare all scores with those without stopping.

    Raises:
        UndecidedScore: what was stopped could still change a score.
        UsageError: a trial's outcome is not known.
    """
    complete, rules = field.complete, field.complete.rules
    own = only(complete, field.scheduled)
    full = full_seconds(own)
    oracle = oracle_seconds(complete.times().highest, _by_trial(complete), rules.gated, rules.r_max)
    rows = [complete.submissions.index(name) for name in own.submissions]
    scores = scores_under(complete, WRITTEN_RULES)
    return Savings(
        field=field,
        full=_by_workload(own, full),
        oracle=oracle[rows],
        scores={name: scores[name] for name in own.submissions},
        steps=tuple(_step(field, strategy, scores) for strategy in strategies),
    )


def _step(field: Field, strategy: Strategy, expected: Mapping[str, float]) -> Step:
    replays = {group: field.replay(group, strategy) for group in field.groups()}
    stops: Counter[Rule] = Counter()
    seconds: dict[TrialId, float] = {}
    for played in replays.values():
        stops.update(played.stops)
        seconds |= played.seconds
    scores: dict[str, float] = {}
    identical = True
    for names, board in _boards(field, replays):
        require_decided(board)
        found = scores_under(board, WRITTEN_RULES)
        identical &= found == expected
        scores |= {name: found[name] for name in names}
    own = only(field.complete, field.scheduled)
    return Step(strategy, _by_workload(own, seconds), stops, scores, identical)


def _boards(
    field: Field, replays: Mapping[tuple[str, ...], Replay]
) -> Iterator[tuple[tuple[str, ...], Results]]:
    """Yield the boards to score: one for each group that rested on the others' full results."""
    if field.rivals_known:
        for group, played in replays.items():
            yield group, played.results
        return
    together = dict(field.complete.trials)
    for played in replays.values():
        together |= played.results.trials
    yield field.scheduled, replace(field.complete, trials=together)


def _by_workload(results: Results, seconds: Mapping[TrialId, float]) -> Floats:
    """Return sums over trials, shape (submissions, base workloads, 2)."""
    names, bases = results.submissions, results.rules.bases
    total = np.zeros((len(names), len(bases), 2))
    for trial_id, spent in seconds.items():
        side = int(trial_id.variant is not None)
        total[names.index(trial_id.submission), bases.index(trial_id.workload), side] += spent
    return total


def _by_trial(results: Results) -> Floats:
    """Return the submission time of every trial, in the shape of `Results.times`."""
    seconds = full_seconds(results)
    costs = {
        trial_id: replace(trial, outcome=replace(trial.outcome, lowest=seconds[trial_id]))
        for trial_id, trial in results.trials.items()
    }
    lowest = replace(results, trials=costs).times().lowest
    return np.where(np.isfinite(lowest), lowest, 0.0)
