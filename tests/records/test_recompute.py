"""Each derived number of a record, told wrong: found even where the signature holds."""

from __future__ import annotations

from typing import Any

import pytest

from kit.contracts.target import Target
from kit.records.recompute import first_reaching, recompute
from kit.records.record import NANOSECONDS, ScheduleRecord, StopReason, TrialState
from tests.records.factory import (
    FORMAT_1,
    PERIOD_NS,
    Trial,
    changed,
    changed_evaluation,
    make_trial,
)


def found(trial: Trial, status: str = "problem") -> list[str]:
    """Return what is wrong as "check: sentence"."""
    findings = recompute(trial.record, trial.evaluations)
    return [f"{f.check}: {f.sentence}" for f in findings if f.status == status]


@pytest.fixture
def trial() -> Trial:
    return make_trial()


def test_sound_trial_has_no_problem(trial: Trial) -> None:
    assert found(trial) == []
    assert len(found(trial, "ok")) == 9


@pytest.mark.parametrize("state", list(TrialState))
def test_sound_trial_of_every_state_has_no_problem(state: TrialState) -> None:
    assert found(make_trial(state=state)) == []


def test_indices_count_from_one(trial: Trial) -> None:
    wrong = changed_evaluation(trial, 2, index=3)
    assert "order: The indices must count from 1 without gaps; they are 1, 3, 3, 4." in found(wrong)


def test_steps_increase(trial: Trial) -> None:
    wrong = changed_evaluation(trial, 3, step=101)
    assert "order: Evaluation 3: the step 101 is not after 101." in found(wrong)
    wrong = changed(trial, steps=300)
    assert found(wrong) == ["order: trial.json counts 300 steps, the last evaluation 301."]


def test_first_evaluation_comes_after_step_one(trial: Trial) -> None:
    wrong = changed_evaluation(trial, 1, step=2)
    message = "schedule: The first evaluation came after step 2, by the rules after 1."
    assert found(wrong) == [message]
    unofficial = changed(wrong, official=False, unofficial_reasons=["evaluated at given steps"])
    assert found(unofficial) == []
    assert found(unofficial, "note") == [message]


def test_evaluations_are_an_eval_period_apart(trial: Trial) -> None:
    slow = changed(
        trial,
        rules=trial.record.rules.model_copy(update={"eval_period_seconds": 3.0}),
        state=TrialState.RULE_VIOLATION,
        time_to_target_seconds=None,
    )
    problems = found(slow)
    assert any(
        "Evaluation 2 came at 2.00" in text and "eval period: 3 s" in text for text in problems
    )
    assert any("Evaluation 2 is said to be due at 2001234567 ns, by the" in t for t in problems)


def test_only_the_last_evaluation_may_come_early() -> None:
    due_ns = 5 * NANOSECONDS
    for state, excused in (
        (TrialState.COMPLETED_WITHOUT_TARGET, True),
        (TrialState.OUT_OF_TIME, False),
    ):
        last = make_trial(state=state, count=2)
        early = changed_evaluation(last, 1, submission_ns=due_ns - PERIOD_NS)
        early = changed_evaluation(early, 2, due_ns=due_ns)
        assert any("came at 2.00" in text for text in found(early)) is not excused


def fixed_trial(*evaluations: tuple[float, float, float], **fields: Any) -> Trial:
    """Return a trial by a fixed schedule of 2 s, from (submission s, due s, value) each."""
    trial = make_trial(values=tuple(value for *_, value in evaluations), **fields)
    schedule = ScheduleRecord(kind="fixed", late_limit_seconds=0.5)
    rules = trial.record.rules.model_copy(update={"schedule": schedule})
    rows = tuple(
        row.model_copy(
            update={
                "submission_ns": round(moment * NANOSECONDS),
                "due_ns": round(due * NANOSECONDS),
            }
        )
        for row, (moment, due, _) in zip(trial.evaluations, evaluations, strict=True)
    )
    return Trial(trial.record.model_copy(update={"rules": rules}), rows)


def about_the_schedule(trial: Trial) -> list[str]:
    return [text for text in found(trial) if text.startswith("schedule")]


def test_a_fixed_schedule_counts_multiples_of_the_period_and_skips_missed_ones() -> None:
    sound = fixed_trial((2.1, 2, 0.1), (7.9, 6, 0.1), (8.3, 8, 0.95))
    assert about_the_schedule(sound) == []
    for moment, due in ((8.3, 6), (7.95, 8)):
        wrong = fixed_trial((2.1, 2, 0.1), (7.9, 6, 0.1), (moment, due, 0.95))
        assert about_the_schedule(wrong)


def test_by_a_fixed_schedule_a_trainer_that_finishes_waits_unless_the_budget_ends() -> None:
    state = {"state": TrialState.COMPLETED_WITHOUT_TARGET}
    early = fixed_trial((2.1, 2, 0.1), (3.5, 4, 0.4), **state)
    assert about_the_schedule(early) == [
        "schedule: Evaluation 2 came at 3.500 s, before 4.000 s, when it was due (eval period: "
        "2 s)."
    ]
    rules = early.record.rules.model_copy(update={"max_runtime_seconds": 4.0})
    assert about_the_schedule(changed(early, rules=rules)) == []


@pytest.mark.parametrize(("late", "counts"), [(0.5, True), (0.6, False)])
def test_a_late_evaluation_does_not_reach_the_target(late: float, counts: bool) -> None:
    trial = fixed_trial((2.1, 2, 0.1), (4 + late, 4, 0.95))
    text = "state: The state is target_reached, but no evaluation reached the target."
    assert (text not in found(trial)) is counts
    assert (first_reaching(trial.record.rules, trial.evaluations) is not None) is counts


def test_the_evaluation_after_step_one_does_not_reach_the_target_since_format_2() -> None:
    values = (0.95, 0.1, 0.96)
    assert found(make_trial(values=values)) == []
    old = found(make_trial(values=values, format=FORMAT_1))
    assert "target: Evaluation 1 reached the target, but 2 more followed." in old


def test_evaluations_at_chosen_steps_come_whenever_they_come() -> None:
    schedule = ScheduleRecord(kind="chosen_steps", late_limit_seconds=0.5)
    trial = fixed_trial((0.3, 0.3, 0.1), (5.0, 5.0, 0.95))
    rules = trial.record.rules.model_copy(update={"schedule": schedule})
    assert about_the_schedule(changed(trial, rules=rules)) == []


def test_evaluation_lies_within_the_budget(trial: Trial) -> None:
    rules = trial.record.rules.model_copy(update={"max_runtime_seconds": 5.0})
    problems = found(changed(trial, rules=rules))
    assert problems == ["budget: Evaluation 4 was granted at 6.012 s, after the budget of 5 s."]


def test_out_of_time_means_that_the_budget_was_used() -> None:
    wrong = changed(make_trial(state=TrialState.FAILED), state=TrialState.OUT_OF_TIME)
    assert any("only 6.012 s of 60 s were used" in text for text in found(wrong))


def test_trial_ends_at_the_first_evaluation_that_reaches_the_target() -> None:
    trial = make_trial(values=(0.1, 0.95, 0.2, 0.96))
    problems = found(trial)
    assert "target: Evaluation 2 reached the target, but 2 more followed." in problems
    assert any("recomputed from evaluations.csv: 2.00" in text for text in problems)


def test_metric_of_the_target_must_be_there(trial: Trial) -> None:
    wrong = changed_evaluation(trial, 2, metrics={"validation/loss": 0.1})
    assert found(wrong) == ["target: Evaluation 2 has no validation/accuracy."]


def test_nan_never_reaches_a_target() -> None:
    wrong = make_trial(values=(0.1, float("nan")))
    assert any("no evaluation reached the target" in text for text in found(wrong))


def test_lower_is_better_for_a_loss() -> None:
    target = Target(metric="accuracy", higher_is_better=False, validation=0.3)
    base = make_trial()
    rules = base.record.rules.model_copy(update={"target": target})
    assert any(
        "Evaluation 2 reached the target" in text for text in found(changed(base, rules=rules))
    )
    falling = make_trial(values=(0.5, 0.4, 0.3), rules=rules)
    assert found(falling) == []


def test_target_reached_is_not_hidden() -> None:
    trial = make_trial()
    for state in TrialState:
        hidden = changed(trial, state=state, time_to_target_seconds=None)
        told = any(f"reached the target, but the state is {state}." in t for t in found(hidden))
        excused = state in (TrialState.TARGET_REACHED, TrialState.RULE_VIOLATION)
        assert told is not excused


def test_time_to_target_is_that_of_the_evaluation(trial: Trial) -> None:
    wrong = changed(trial, time_to_target_seconds=1.0)
    expected = trial.evaluations[-1].submission_seconds
    assert found(wrong) == [
        f"state: time_to_target_seconds is 1.0 s; recomputed from evaluations.csv: {expected!r} s."
    ]
    wrong = changed(trial, time_to_target_seconds=None)
    assert any("is infinite (null); recomputed" in text for text in found(wrong))


def test_submission_time_ends_at_the_target() -> None:
    longer = make_trial(state=TrialState.OUT_OF_TIME)
    evaluations = make_trial().evaluations
    wrong = Trial(
        longer.record.model_copy(
            update={
                "state": TrialState.TARGET_REACHED,
                "time_to_target_seconds": evaluations[-1].submission_seconds,
            }
        ),
        evaluations,
    )
    assert any("Submission time went on after the evaluation" in text for text in found(wrong))


def test_failed_trial_describes_its_failure() -> None:
    wrong = changed(make_trial(state=TrialState.FAILED), failure=None)
    assert found(wrong) == ["state: The state is failed, but no failure is described."]


def test_only_a_stopped_trial_has_stop_reasons(trial: Trial) -> None:
    reason = StopReason(rule="slower than the study's best", evidence=["ab" * 32])
    assert found(make_trial(state=TrialState.STOPPED_EARLY, stop_reasons=[reason])) == []
    wrong = changed(trial, stop_reasons=[reason])
    assert found(wrong) == ["state: There are stop_reasons, but the state is target_reached."]


def test_clock_has_no_gaps(trial: Trial) -> None:
    segments = list(trial.record.segments)
    later = segments[1].model_copy(update={"start_ns": segments[1].start_ns + 5})
    problems = found(changed(trial, segments=[segments[0], later, *segments[2:]]))
    assert any("Segment 2 starts at 3000000012 ns, but the time before it" in t for t in problems)
    backwards = segments[-1].model_copy(update={"end_ns": segments[-1].start_ns - 1})
    problems = found(changed(trial, segments=[*segments[:-1], backwards]))
    assert any("ends before it starts" in text for text in problems)


def test_submission_seconds_are_the_sum_of_segments(trial: Trial) -> None:
    wrong = changed(trial, submission_seconds=trial.record.submission_seconds - 1e-6)
    assert any("but the submission segments sum to" in text for text in found(wrong))
    wrong = changed(trial, submission_seconds=float("nan"))
    assert any("but the submission segments sum to" in text for text in found(wrong))


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("submission_ns", 1, "is said to be at 2003703702 ns of submission time; by the segments"),
        ("total_ns", 1, "is said to last from"),
        ("total_ns", -1, "is said to last from"),
        ("evaluation_ns", 1, "is said to last from"),
        ("evaluation_ns", -(10**9), "is said to last from"),
    ],
)
def test_times_of_an_evaluation_are_those_of_the_clock(
    trial: Trial, field: str, change: int, message: str
) -> None:
    value = getattr(trial.evaluations[1], field)
    problems = found(changed_evaluation(trial, 2, **{field: value + change}))
    assert any(text.startswith(f"clock: Evaluation 2 {message}") for text in problems)


def test_every_pause_has_its_evaluation(trial: Trial) -> None:
    fewer = Trial(trial.record, trial.evaluations[:2])
    assert "clock: There are 2 evaluations, but 4 evaluation segments in trial.json." in found(
        fewer
    )


def test_measured_times_are_not_negative(trial: Trial) -> None:
    for fields in ({"freeze_ns": -1}, {"pause_cpu_seconds": -0.1}):
        problems = found(changed_evaluation(trial, 1, **fields))
        assert problems == ["clock: Evaluation 1: freeze_ns or pause_cpu_seconds is negative."]


@pytest.mark.parametrize("name", ["initialization", "data", "algorithm"])
def test_seeds_derive_from_the_secret(trial: Trial, name: str) -> None:
    value = getattr(trial.record.seeds, name)
    seeds = trial.record.seeds.model_copy(update={name: value + 1})
    assert found(changed(trial, seeds=seeds)) == [
        f"seeds: seeds.{name} is {value + 1}, but the secret gives {value}."
    ]


def test_secret_is_that_of_the_commitment(trial: Trial) -> None:
    seeds = trial.record.seeds.model_copy(update={"commitment": "a" * 64})
    assert found(changed(trial, seeds=seeds)) == [
        "seeds: seeds.commitment is not the sha256 of seeds.secret."
    ]
    seeds = trial.record.seeds.model_copy(update={"secret": "no digits"})
    assert any("seeds.secret is not usable" in text for text in found(changed(trial, seeds=seeds)))


def test_official_flag_agrees_with_its_reasons(trial: Trial) -> None:
    wrong = changed(trial, unofficial_reasons=["the seed was given by hand"])
    assert found(wrong) == [
        "official: official is true, but there are reasons against it: "
        "['the seed was given by hand']."
    ]
    wrong = changed(trial, official=False)
    assert found(wrong) == ["official: official is false, but no reason is given."]
    wrong = changed(trial, isolation="inline")
    assert any("the trial ran inline" in text for text in found(wrong))
