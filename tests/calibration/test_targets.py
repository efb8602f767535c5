"""The published procedure: best setting, medians, worst tests; failures are worst results."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.calibration.targets import EVALUATION_SHARE, best_run, budget, eased, targets
from kit.errors import TrialError
from kit.records.record import TrialState
from tests.calibration.made_up import run

NAN = math.nan


@pytest.mark.parametrize(
    ("values", "state", "higher", "expected"),
    [
        ((0.1, 0.9, 0.5), TrialState.COMPLETED_WITHOUT_TARGET, True, 0.9),
        ((0.9, 0.1, 0.5), TrialState.COMPLETED_WITHOUT_TARGET, False, 0.1),
        ((0.1, 0.6, NAN), TrialState.COMPLETED_WITHOUT_TARGET, True, 0.6),  # diverged late
        ((0.7, -math.inf, 0.5), TrialState.COMPLETED_WITHOUT_TARGET, False, 0.5),
        ((NAN, NAN), TrialState.COMPLETED_WITHOUT_TARGET, True, -math.inf),
        ((NAN, NAN), TrialState.COMPLETED_WITHOUT_TARGET, False, math.inf),
        ((0.1, 0.9), TrialState.FAILED, True, -math.inf),
        ((0.1, 0.9), TrialState.RULE_VIOLATION, False, math.inf),
        ((0.1, 0.9), TrialState.OUT_OF_TIME, True, -math.inf),
        ((), None, True, -math.inf),
    ],
)
def test_best_value_of_a_run_ignores_nan_and_is_the_worst_of_a_failure(
    values, state, higher, expected
) -> None:
    assert run(*values, state=state).best(higher_is_better=higher) == expected


def test_best_setting_is_the_best_of_all_and_the_first_of_equals() -> None:
    runs = [run(0.5, number=1), run(0.8, number=2), run(0.2, 0.8, number=3), run(NAN, number=4)]
    assert best_run(runs, higher_is_better=True).number == 2
    assert best_run(runs, higher_is_better=False).number == 3
    failed = run(0.99, number=5, state=TrialState.FAILED)
    assert best_run([failed, *runs], higher_is_better=True).number == 2


def test_no_setting_without_a_single_good_run() -> None:
    with pytest.raises(TrialError, match="none of 2 runs trained to its end with a finite"):
        best_run([run(NAN), run(0.9, state=TrialState.FAILED)], higher_is_better=True)
    with pytest.raises(TrialError, match="none of 0 runs"):
        best_run([], higher_is_better=True)


def test_targets_are_median_validation_and_worst_test_where_first_reached() -> None:
    runs = [
        run(0.1, 0.70, 0.9, test=[0.1, 0.65, 0.2]),
        run(0.1, 0.60, 0.7, test=[0.1, 0.50, 0.68]),
        run(0.1, 0.30, 0.5, test=[0.0, 0.00, 0.0]),  # never reaches it: its test does not count
    ]
    found = targets(runs, higher_is_better=True)
    assert found.best == (0.9, 0.7, 0.5)
    assert (found.median, found.validation) == (0.7, 0.7)
    assert found.test == 0.65  # at the first evaluation that reaches; 0.2 comes later
    assert [p and p.step for p in found.reached] == [100, 200, None]
    assert found.reaching == 2


def test_lower_is_better_turns_all_of_it_around() -> None:
    runs = [run(0.9, 0.4, test=[1, 0.45]), run(0.9, 0.5, test=[1, 0.6]), run(0.9, 0.8, test=[1, 9])]
    found = targets(runs, higher_is_better=False)
    assert (found.validation, found.test, found.reaching) == (0.5, 0.6, 2)


def test_an_even_number_averages_the_middle_two_and_half_of_the_runs_reach() -> None:
    found = targets([run(v) for v in (0.1, 0.2, 0.4, 0.9)], higher_is_better=True)
    assert found.median == pytest.approx(0.3)
    assert found.reaching == 2


def test_equal_runs_all_reach_their_median() -> None:
    found = targets([run(0.123456789)] * 4, higher_is_better=True)
    assert (found.validation, found.reaching) == (0.12345, 4)
    found = targets([run(0.123456789)] * 4, higher_is_better=False)
    assert (found.validation, found.reaching) == (0.12346, 4)


def test_failed_repetitions_pull_the_median_down_and_never_reach() -> None:
    failed = run(0.95, state=TrialState.FAILED)
    found = targets([run(0.9), run(0.8), run(0.7), failed, run(NAN)], higher_is_better=True)
    assert (found.median, found.reaching) == (0.7, 3)
    assert found.best[3:] == (-math.inf, -math.inf)


@pytest.mark.parametrize("higher", [True, False])
def test_nobody_reaches_anything_when_most_repetitions_failed(higher: bool) -> None:
    runs = [run(0.9), run(NAN), run(0.9, state=TrialState.FAILED)]
    with pytest.raises(TrialError, match="only 1 of 3 repetitions"):
        targets(runs, higher_is_better=higher)
    with pytest.raises(TrialError, match="only 0 of 1 repetitions"):
        targets([run()], higher_is_better=higher)


def test_a_test_metric_that_is_missing_or_nan_sets_no_test_target() -> None:
    assert targets([run(0.9, test=[None])], higher_is_better=True).test is None
    found = targets([run(0.9, test=[NAN]), run(0.9, test=[0.8])], higher_is_better=True)
    assert found.test == 0.8


def test_budget_is_the_median_run_with_slack_and_the_period_gives_the_share() -> None:
    runs = [run(0.1, 0.9, seconds=s) for s in (9.0, 12.0, 30.0)]
    runs.append(run(0.1, seconds=500.0, state=TrialState.FAILED, evaluation_seconds=99.0))
    spent = budget(runs, steps=300, slack=4 / 3)
    assert (spent.run_seconds, spent.max_runtime_seconds, spent.step_hint) == (12.0, 16.0, 400)
    assert spent.eval_period_seconds == 1.7  # 0.3 s of evaluation in each 2.0 s
    assert spent.evaluation_share == pytest.approx(EVALUATION_SHARE)
    assert spent.evaluations == pytest.approx(12 / 1.7)


def test_budget_of_an_evaluation_that_takes_no_time_has_a_period() -> None:
    assert budget([run(0.9, evaluation_seconds=0.0)], steps=1, slack=1).eval_period_seconds > 0


@given(st.floats(1e-6, 1e6), st.booleans(), st.booleans())
def test_easing_never_makes_a_target_harder_and_moves_it_little(size, negative, higher) -> None:
    value = -size if negative else size
    rounded = eased(value, higher_is_better=higher)
    assert rounded <= value if higher else rounded >= value
    assert abs(rounded - value) <= 1e-4 * abs(value)
    assert eased(rounded, higher_is_better=higher) == rounded
