"""Trials as a report sees them."""

from __future__ import annotations

import math

import pytest

from kit.records.record import TrainerReport, TrialState
from kit.report.trials import best_of_studies, spending_of
from tests.records.factory import make_trial
from tests.report.made_up import facts_of
from tests.scoring.reading.records_factory import ruleset_file


def test_every_attempt_is_there_with_what_decided_it(facts):
    states = [(t.id.submission, t.id.study, t.id.trial, t.state) for t in facts.trials]
    assert states == [
        ("first", 1, 1, "target_reached"),
        ("first", 1, 2, "target_reached"),
        ("first", 2, 1, "target_reached"),
        ("first", 2, 2, "failed"),
        ("second", 1, 1, "target_reached"),
        ("second", 1, 2, "stopped_early"),
        ("second", 2, 1, "target_reached"),
    ]
    assert facts.trials[3].seconds == math.inf
    assert facts.trials[5].seconds is None
    assert facts.trials[0].best_value == 0.95
    assert facts.trials[0].goal.target.validation == 0.9


def test_best_trial_of_a_study_is_the_fastest_or_else_the_best_value(facts, log_facts):
    best = best_of_studies(log_facts.trials)
    chosen = {(trial_id.submission, trial_id.study): trial_id.trial for trial_id, _ in best}
    assert chosen["first", 1] == 1  # both reach the target, trial 1 sooner
    assert len(best) == 6
    never = [t for t in log_facts.trials if t.id.submission == "never"]
    assert len(best_of_studies(never)) == 2
    assert {trial_id.trial for trial_id, _ in best_of_studies(facts.trials[3:4])} == {2}


def test_spending_parts_sum_to_the_clock_whatever_the_trainer_claims():
    boasting = TrainerReport(compile_seconds=1e9, data_wait_seconds=1e9, handover_seconds=5e-324)
    for report in (boasting, TrainerReport(compile_seconds=0.25)):
        trial = make_trial(state=TrialState.OUT_OF_TIME, trainer_report=report)
        spent = spending_of(trial.record)
        total = trial.record.segments[-1].end_ns / 1e9
        assert sum(vars(spent).values()) == pytest.approx(total)
        assert min(vars(spent).values()) >= 0


def test_intervals_of_times_hold_the_medians(facts):
    bounds = facts.time_interval("first", "mnist")
    median = facts.board.standings[0].workloads["mnist"].seconds
    assert bounds.low <= median <= bounds.high
    assert facts.time_interval("first", "nothing") is None
    assert facts.time_interval("nobody", "mnist") is None


def test_curves_of_logs_are_there_in_both_forms(log_facts, tmp_path):
    curve = log_facts.trials[0].curve
    assert curve.seconds == [7, 12, 17]
    assert curve.steps == [100, 200, 300]
    assert curve.values == [0.1, 0.6, 0.95]
    folder = tmp_path / "logs" / "mine" / "study_1" / "mnist_jax" / "trial_1"
    folder.mkdir(parents=True)
    (folder / "eval_measurements.csv").write_text(
        "accumulated_submission_time,global_step,validation/accuracy\n1.5,9,0.1\n2.5,18,nan\n"
    )
    facts = facts_of(tmp_path / "logs", ruleset=str(ruleset_file(tmp_path)))
    (trial,) = facts.trials
    assert list(trial.curve.seconds) == [1.5, 2.5]
    assert list(trial.curve.steps) == [9, 18]
    assert trial.best_value == 0.1
    assert trial.submission_seconds == 2.5
