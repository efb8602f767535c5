"""A submission does not choose when it is evaluated, and its step count decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kit.planning.request import TrialPlan
from kit.records.record import NANOSECONDS, Evaluation, TrialState
from kit.records.verify import verify_record
from tests.conftest import replaced


def lateness(evaluation: Evaluation) -> float:
    return (evaluation.submission_ns - evaluation.due_ns) / NANOSECONDS


def reachable(*, period: float, budget: float, late: float) -> Callable[[TrialPlan], TrialPlan]:
    """Return a change to a target that any weights reach, and to these seconds."""

    def change(plan: TrialPlan) -> TrialPlan:
        target = plan.request.rules.target.model_copy(update={"validation": 0.0})
        rules = {"target": target, "max_runtime_seconds": budget, "eval_period_seconds": period}
        evaluations = plan.ruleset.evaluations.model_copy(update={"late_seconds": late})
        plan = replaced(plan, rules=plan.request.rules.model_copy(update=rules))
        ruleset = plan.ruleset.model_copy(update={"evaluations": evaluations})
        return replace(plan, ruleset=ruleset)

    return change


@pytest.mark.slow
def test_a_trainer_that_chooses_its_moments_reaches_nothing(attack) -> None:
    outcome = attack("delay_handover", change=reachable(period=2, budget=9, late=0.2))
    assert outcome.record.state is TrialState.OUT_OF_TIME, outcome.record.reason
    assert len(outcome.evaluations) >= 2
    assert all(lateness(evaluation) > 0.2 for evaluation in outcome.evaluations)
    report = verify_record(outcome.folder)
    assert report.ok, report.problems
    notes = [finding.sentence for finding in report.findings if finding.check == "plausibility"]
    assert any("as good as the target but does not count" in note for note in notes)


@pytest.mark.slow
def test_a_long_first_step_is_no_violation_and_gains_nothing(attack) -> None:
    outcome = attack("slow_first_step", change=reachable(period=5, budget=60, late=2))
    assert outcome.record.state is TrialState.TARGET_REACHED, outcome.record.reason
    first, last = outcome.evaluations[0], outcome.evaluations[-1]
    assert first.submission_seconds > 7
    assert lateness(last) <= 2
    assert all(lateness(evaluation) > 2 for evaluation in outcome.evaluations[:-1])
    assert verify_record(outcome.folder).ok


def test_impossible_step_counts_are_flagged_and_decide_nothing(attack) -> None:
    outcome = attack("million_steps")
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, outcome.record.reason
    assert outcome.record.steps == 10**7
    report = verify_record(outcome.folder)
    assert report.ok, report.problems
    (note,) = [finding.sentence for finding in report.findings if finding.check == "plausibility"]
    assert "faster than any step that was measured" in note
