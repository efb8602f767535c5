"""Hours and cost: budgets at most, and what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.study.estimate import Estimate, Measure, estimate

BUDGETS = {"mnist": 30.0, "wmt": 7200.0}


def test_budgets_are_summed_and_measured_trials_averaged() -> None:
    measures = {"mnist": [Measure(5.0, 10.0), Measure(7.0, 20.0)], "wmt": []}
    found = estimate(["mnist", "mnist", "wmt"], BUDGETS, measures)
    assert found == Estimate(
        trials=3, at_most_seconds=7260.0, expected_seconds=30.0, unmeasured_trials=1
    )
    assert found.at_most_hours == pytest.approx(7260 / 3600)


def test_without_a_measure_nothing_is_expected() -> None:
    found = estimate(["wmt"], BUDGETS, {})
    assert found.expected_hours is None
    assert found.cost(2.5) == (5.0, None)


def test_cost_is_hours_times_price() -> None:
    found = estimate(["wmt", "wmt"], BUDGETS, {"wmt": [Measure(1800.0, 3600.0)]})
    assert found.cost(2.5) == (10.0, 5.0)


@given(st.lists(st.sampled_from(sorted(BUDGETS))), st.lists(st.sampled_from(sorted(BUDGETS))))
def test_estimates_of_parts_sum_to_that_of_the_whole(first: list[str], second: list[str]) -> None:
    measures = {"mnist": [Measure(1.0, 2.0)]}
    whole = estimate(first + second, BUDGETS, measures)
    parts = [estimate(labels, BUDGETS, measures) for labels in (first, second)]
    assert whole.at_most_seconds == sum(part.at_most_seconds for part in parts)
    assert (whole.expected_seconds or 0) == sum(part.expected_seconds or 0 for part in parts)
    assert whole.unmeasured_trials == sum(part.unmeasured_trials for part in parts)
