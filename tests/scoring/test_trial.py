"""The time to target that follows from raw evaluations."""

from __future__ import annotations

import math

import pytest

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.scoring.trial import Goal, Stop, judge

SLOT = TrialId("example", "a", "w", None, 1, 1)
UP = Goal(Target(metric="accuracy", higher_is_better=True, validation=0.9), 100.0)
DOWN = Goal(Target(metric="loss", higher_is_better=False, validation=0.5), 100.0)
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("goal", "seconds", "values", "expected", "state"),
    [
        (UP, [1, 2, 3], [0.1, 0.9, 0.95], 2, "target_reached"),
        (DOWN, [1, 2, 3], [0.6, 0.5, 0.4], 2, "target_reached"),
        (UP, [1, 2], [0.1, 0.89], INF, "missed"),
        (UP, [], [], INF, "missed"),
        (UP, [1, 2, 3], [NAN, NAN, 0.9], 3, "target_reached"),
        (DOWN, [1, 2], [NAN, NAN], INF, "missed"),
        (UP, [1, 2], [INF, 0.95], 2, "target_reached"),
        (DOWN, [1, 2], [-INF, 0.6], INF, "missed"),
        (UP, [99, 100], [0.1, 0.9], 100, "target_reached"),
        (UP, [99, 100.5], [0.1, 0.9], INF, "over_budget"),
    ],
)
def test_time_is_that_of_the_first_evaluation_that_reaches_the_target_within_the_budget(
    goal, seconds, values, expected, state
):
    result = judge(SLOT, seconds, values, goal)
    assert (result.outcome.lowest, result.outcome.highest) == (expected, expected)
    assert result.state == state


def test_forfeited_trial_is_missed_whatever_its_curve_says():
    result = judge(SLOT, [1.0], [0.99], UP, stop=Stop("rule_violation", forfeited=True))
    assert result.outcome.highest == INF
    assert result.reached is None
    assert result.state == "rule_violation"


def test_stopped_trial_is_an_interval_with_its_reasons():
    stop = Stop("stopped_early", forfeited=False, seconds=42.0, reasons=("too slow",))
    result = judge(SLOT, [1.0], [0.1], UP, stop=stop)
    assert not result.outcome.is_exact
    assert (result.outcome.lowest, result.outcome.highest) == (42.0, INF)
    assert result.outcome.reasons == ("too slow",)


def test_trial_stopped_after_its_budget_is_an_ordinary_miss():
    stop = Stop("stopped_early", forfeited=False, seconds=101.0)
    assert judge(SLOT, [1.0], [0.1], UP, stop=stop).outcome.is_exact


def test_label_joins_base_and_variant():
    assert TrialId("example", "a", "criteo1tb", "layernorm", 1, 2).label == "criteo1tb_layernorm"
    assert str(SLOT) == "a, w, study 1, trial 1"
