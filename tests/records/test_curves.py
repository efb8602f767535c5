"""Two curves of one trial."""

from __future__ import annotations

import math

import pytest

from kit.records.curves import compare_curves, scaled
from tests.records.factory import changed_evaluation, make_trial

NAN, INF = math.nan, math.inf


def test_equal_curves_are_bitwise_equal_nan_included():
    trial = make_trial()
    assert any(math.isnan(value) for e in trial.evaluations for value in e.metrics.values())
    found = compare_curves(trial.evaluations, make_trial().evaluations)
    assert found.bitwise
    assert (found.evaluations, found.values, found.largest) == (4, 16, 0.0)


def test_one_bit_is_a_difference_and_is_named_with_its_step():
    trial = make_trial()
    metrics = trial.evaluations[2].metrics
    other = metrics | {"train/loss": math.nextafter(metrics["train/loss"], 1)}
    found = compare_curves(
        trial.evaluations, changed_evaluation(trial, 3, metrics=other).evaluations
    )
    (difference,) = found.differing
    assert (difference.metric, difference.first_step) == ("train/loss", 201)
    assert 0 < found.largest < 1e-15
    assert not found.bitwise


def test_the_largest_difference_and_the_first_step_are_told_apart():
    trial = make_trial()
    changed = trial
    for number, value in ((2, 0.21), (4, 0.99)):
        metrics = trial.evaluations[number - 1].metrics | {"validation/accuracy": value}
        changed = changed_evaluation(changed, number, metrics=metrics)
    (difference,) = compare_curves(trial.evaluations, changed.evaluations).differing
    assert (difference.first_step, difference.largest_step) == (101, 301)
    assert difference.largest == pytest.approx(0.04)
    assert (difference.recorded, difference.rerun) == (0.95, 0.99)


def test_other_weights_with_equal_metrics_are_not_bitwise_equal():
    trial = make_trial()
    other = changed_evaluation(trial, 2, weights_sha256="1" * 64)
    found = compare_curves(trial.evaluations, other.evaluations)
    assert (found.differing, found.first_other_weights, found.bitwise) == ((), 101, False)


def test_steps_that_the_rerun_lacks_are_named():
    trial = make_trial()
    found = compare_curves(trial.evaluations, trial.evaluations[:2])
    assert found.missing_steps == (201, 301)
    assert not found.bitwise
    assert found.values == 8


def test_a_metric_that_only_one_has_is_infinitely_far():
    trial = make_trial()
    metrics = {k: v for k, v in trial.evaluations[0].metrics.items() if k != "train/loss"}
    other = changed_evaluation(trial, 1, metrics=metrics)
    assert compare_curves(trial.evaluations, other.evaluations).largest == INF


@pytest.mark.parametrize(
    ("recorded", "rerun", "apart"),
    [
        (0.5, 0.6, 0.1),
        (10.0, 11.0, 1 / 11),
        (-10.0, 10.0, 2.0),
        (NAN, NAN, 0.0),
        (INF, INF, 0.0),
        (INF, -INF, INF),
        (NAN, 0.5, INF),
    ],
)
def test_differences_are_absolute_below_one_and_relative_above(recorded, rerun, apart):
    assert scaled(recorded, rerun) == pytest.approx(apart)
    assert scaled(rerun, recorded) == pytest.approx(apart)
