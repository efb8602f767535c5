"""Leaderboards as nested mappings: submission -> workload label -> studies of trial times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kit.contracts.target import Target
from kit.scoring.results import Results, collect
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import (
    MISSED,
    Goal,
    Outcome,
    Reached,
    TrialId,
    TrialResult,
    censored,
    exact,
)

Time = float | Outcome | None  # None: the trial is missing
Board = Mapping[str, Mapping[str, Sequence[Sequence[Time]]]]
INF = math.inf


def make_rules(
    bases: Sequence[str] = ("w",),
    held_out: Mapping[str, str] | None = None,
    *,
    studies: int = 1,
    trials: int = 1,
    r_max: float = 4.0,
) -> ScoringRules:
    """Return rules with the budget 1,000 s on every workload and variant."""
    held_out = held_out or {}
    goal = Goal(Target(metric="accuracy", higher_is_better=True, validation=0.9), 1000.0)
    keys = [(base, None) for base in bases] + list(held_out.items())
    return ScoringRules("example", tuple(bases), held_out, dict.fromkeys(keys, goal),
                        studies, trials, r_max)  # fmt: skip


def stopped(seconds: float) -> Outcome:
    """Return a trial that was stopped early."""
    return censored(seconds, ["slower than the study's best"])


def make_trial(trial_id: TrialId, time: float | Outcome) -> TrialResult:
    """Return a trial with a given outcome, reached at evaluation `time` where it is a number."""
    if isinstance(time, Outcome):
        return TrialResult(trial_id, time, "stopped_early", None, 1)
    if math.isinf(time):
        return TrialResult(trial_id, MISSED, "missed", None, 1)
    return TrialResult(trial_id, exact(time), "target_reached", Reached(int(time), time), 1)


def make_board(board: Board, rules: ScoringRules) -> Results:
    """Return the results of a board; studies and trials count from 1."""
    trials = []
    for submission, labels in board.items():
        for label, studies in labels.items():
            key = rules.split(label)
            assert key is not None, label
            for study, times in enumerate(studies, 1):
                for trial, time in enumerate(times, 1):
                    if time is not None:
                        trials.append(
                            make_trial(TrialId("example", submission, *key, study, trial), time)
                        )
    return collect(trials, rules, submissions=board)
