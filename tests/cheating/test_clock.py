"""No submission code runs off the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kit.planning.request import TrialPlan
from kit.records.record import FreezingRecord, TrialState
from kit.referee.proc import cpu_clock
from tests.conftest import in_containers, unshut


@pytest.mark.parametrize("level", [unshut, "auto", in_containers])
@pytest.mark.parametrize("name", ["compute_in_thread", "compute_in_children"])
def test_nothing_computes_during_an_evaluation(attack, name: str, level: str) -> None:
    outcome = attack(name, level=level)
    # A machine that is slow enough may run out of time: that is no violation either.
    fine = (TrialState.COMPLETED_WITHOUT_TARGET, TrialState.OUT_OF_TIME)
    assert outcome.record.state in fine, outcome.record.reason
    assert len(outcome.evaluations) >= 2
    # Two ticks of the kernel's accounting; a thread that ran would show the whole evaluation.
    assert all(e.pause_cpu_seconds <= 0.02 for e in outcome.evaluations)


WAYS = [
    "by_timer",
    *(
        pytest.param(way, marks=pytest.mark.slow)
        for way in ("by_parent_death", "by_orphaned_group", "by_directory", "behind_ballast")
    ),
]


@pytest.mark.parametrize("level", [unshut, "auto", in_containers])
@pytest.mark.parametrize("kind", WAYS)
def test_a_stopped_trainer_cannot_be_woken(attack, kind: str, level: str) -> None:
    outcome = attack("wake", KIND=kind, level=level)
    fine = (TrialState.COMPLETED_WITHOUT_TARGET, TrialState.OUT_OF_TIME)
    assert outcome.record.state in fine, outcome.record.reason
    assert len(outcome.evaluations) >= 2
    assert all(e.pause_cpu_seconds == 0 for e in outcome.evaluations)
    assert outcome.record.freezing.seccomp


@pytest.mark.parametrize("kind", WAYS)
def test_a_trainer_that_is_woken_breaks_the_rules(
    attack, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever holds it fails: no cgroup and no filter."""
    monkeypatch.setattr("kit.referee.trainer_process.make_freezer", lambda: None)
    monkeypatch.setattr("kit.trainer.seccomp.program", lambda: None)
    outcome = attack("wake", KIND=kind)
    assert outcome.record.state is TrialState.RULE_VIOLATION, outcome.record.reason
    assert "did not stand still" in outcome.record.reason or "computed for" in outcome.record.reason
    assert outcome.record.freezing == FreezingRecord(
        method="signals", cpu_clock=cpu_clock(), seccomp=False
    )


def test_work_at_import_and_a_patched_clock_are_on_the_clock(attack) -> None:
    outcome = attack("slow_import")
    assert outcome.record.state is TrialState.COMPLETED_WITHOUT_TARGET, outcome.record.reason
    assert outcome.evaluations[0].submission_seconds >= 1.5


@pytest.mark.parametrize("level", ["auto", "inline"])
def test_a_trainer_that_never_yields_is_stopped(attack, level: str) -> None:
    def strict(plan: TrialPlan) -> TrialPlan:
        evaluations = plan.ruleset.evaluations.model_copy(update={"late_seconds": 0.1})
        ruleset = plan.ruleset.model_copy(update={"evaluations": evaluations})
        return replace(plan, ruleset=ruleset)

    outcome = attack("never_yield", change=strict, level=level)
    assert outcome.record.state is TrialState.RULE_VIOLATION, outcome.record.reason
    assert "had not yielded" in outcome.record.reason


def test_segments_sum_to_the_total_and_to_submission_time(attack) -> None:
    outcome = attack("honest")
    record = outcome.record
    assert record.segments[0].start_ns == 0
    submission = sum(s.end_ns - s.start_ns for s in record.segments if s.phase == "submission")
    assert record.submission_seconds == submission / 1e9
    assert record.time_to_target_seconds is None
    assert outcome.evaluations[-1].step == 10
