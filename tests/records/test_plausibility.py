"""What a reviewer is told about a record that verifies."""

from __future__ import annotations

import pytest

from kit.records.plausibility import doubts, first_evaluation
from kit.records.record import TrialState
from tests.records.factory import FORMAT_1, Trial, changed_evaluation, make_trial

INITIAL = {"initial_metrics": {"validation/accuracy": 0.1}}


def told(trial: Trial) -> list[str]:
    return list(doubts(trial.record, trial.evaluations))


def began(value: float, *, step: int) -> Trial:
    trial = make_trial(values=(value, 0.91), **INITIAL)
    return changed_evaluation(trial, 1, step=step)


def test_an_ordinary_trial_is_beyond_doubt() -> None:
    assert told(make_trial()) == []
    assert told(make_trial(format=FORMAT_1)) == []
    assert told(make_trial(values=(), state=TrialState.FAILED)) == []


def test_the_first_evaluation_stands_next_to_that_of_the_initial_parameters() -> None:
    trial = began(0.5, step=57)
    assert first_evaluation(trial.record, trial.evaluations) == (
        "validation accuracy 0.5 (reported step 57, after 0.00 s); initial parameters: 0.1"
    )
    old = make_trial(format=FORMAT_1)
    assert str(first_evaluation(old.record, old.evaluations)).endswith("parameters: not measured")
    assert first_evaluation(old.record, ()) is None


@pytest.mark.parametrize(
    ("value", "step", "doubted"),
    [(0.5, 1, False), (0.51, 10, True), (0.51, 11, False), (float("nan"), 1, False)],
)
def test_half_of_the_way_in_a_few_steps_is_doubted(value: float, step: int, doubted: bool) -> None:
    found = told(began(value, step=step))
    assert bool(found) is doubted
    assert not doubted or "has gone 51% of the way from the initial" in found[0]


def test_a_first_evaluation_as_good_as_the_target_is_doubted_at_any_step() -> None:
    found = told(began(0.95, step=10**5))
    assert "at reported step 100,000, is as good as the target" in found[0]
    assert "Evaluation 1 is as good as the target but does not count" in found[1]
    assert found[1].endswith("is that of step 1.")


def test_steps_faster_than_any_that_was_measured_are_doubted() -> None:
    trial = make_trial(values=(0.2, 0.3, 0.91))
    assert told(changed_evaluation(trial, 3, step=20_000)) == []
    (found,) = told(changed_evaluation(trial, 3, step=30_000))
    assert found.startswith("Reported steps took 6.7e-05 s each, faster than any step")
