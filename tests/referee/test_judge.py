"""The rules of one trial, with a clock that moves when told."""

from __future__ import annotations

import math

import pytest

from kit.contracts.target import Target
from kit.errors import RuleViolation
from kit.planning.request import EarlyStop
from kit.records.record import Evaluation, TrialState
from kit.records.schedule import Kind, Schedule
from kit.referee.clock import Clock
from kit.referee.judge import PATIENCE, Judge
from kit.rules.ruleset import Ruleset, WorkloadRules, load_ruleset

SECOND = 10**9


class Trial:
    """A judge with a clock in submission time."""

    def __init__(
        self,
        *,
        higher_is_better: bool = True,
        target: float = 0.9,
        kind: Kind = "fixed",
        stop: EarlyStop | None = None,
    ) -> None:
        self.now_ns = 0
        self.clock = Clock(lambda: self.now_ns)
        self.clock.switch("submission")
        self.ruleset: Ruleset = load_ruleset("mini")
        rules = WorkloadRules(
            target=Target(metric="accuracy", higher_is_better=higher_is_better, validation=target),
            max_runtime_seconds=100,
            eval_period_seconds=10,
            step_hint=1000,
        )
        schedule = Schedule(kind, period_ns=10 * SECOND, late_ns=2 * SECOND)
        self.judge = Judge(rules, self.ruleset, self.clock, schedule, stop=stop)

    def run(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND)

    def evaluate(self, step: int, value: float) -> bool:
        """Evaluate for a while off the clock."""
        submission_ns = self.judge.submission_ns()
        self.clock.switch("evaluation")
        self.run(1000)
        self.clock.switch("submission")
        return self.judge.add(
            Evaluation(
                index=len(self.judge.evaluations) + 1,
                step=step,
                submission_ns=submission_ns,
                total_ns=0,
                evaluation_ns=0,
                due_ns=self.judge.due_ns,
                freeze_ns=0,
                pause_cpu_seconds=0,
                distance_from_initial=0,
                finite=True,
                weights_sha256="0" * 64,
                metrics={"validation/accuracy": value, "test/accuracy": 1.0},
            )
        )


def test_a_fixed_schedule_is_due_at_multiples_of_the_period_whatever_the_trainer_did() -> None:
    trial = Trial()
    trial.run(9.999)
    assert not trial.judge.evaluation_is_due()
    assert trial.judge.seconds_until_next_event() == pytest.approx(0.001)
    trial.run(1.001)
    assert trial.judge.evaluation_is_due()
    trial.evaluate(80, 0.1)  # at 11 s
    assert not trial.judge.evaluation_is_due()
    assert trial.judge.seconds_until_next_event() == pytest.approx(9)
    trial.run(32)  # 20 s, 30 s and 40 s pass
    trial.evaluate(81, 0.1)
    assert [e.due_ns for e in trial.judge.evaluations] == [10 * SECOND, 40 * SECOND]
    assert trial.judge.seconds_until_next_event() == pytest.approx(7)  # missed ones are skipped


def test_the_published_schedule_is_due_at_once_and_a_period_after_each_evaluation() -> None:
    trial = Trial(kind="after_previous")
    assert trial.judge.evaluation_is_due()
    trial.run(3)
    trial.evaluate(1, 0.1)
    assert not trial.judge.evaluation_is_due()
    trial.run(9.999)
    assert not trial.judge.evaluation_is_due()
    assert trial.judge.seconds_until_next_event() == pytest.approx(0.001)
    trial.run(0.001)
    assert trial.judge.evaluation_is_due()


@pytest.mark.parametrize(
    ("kind", "seconds", "reached"),
    [
        ("fixed", (11.9,), [True]),
        ("fixed", (12.1,), [False]),  # trained for as long as it liked
        ("fixed", (57.0, 61.0), [False, True]),  # compiled for a long time, and comes back in time
        ("fixed", (10.5, 24.0, 31.0), [True, False, True]),
        ("after_previous", (0.5,), [False]),  # step 1, or what the trainer calls so
        ("after_previous", (7.0, 17.5, 30.0, 40.0), [False, True, False, True]),
        ("chosen_steps", (0.5, 14.0), [True, True]),
    ],
)
def test_an_evaluation_reaches_the_target_only_in_time(
    kind: Kind, seconds: tuple[float, ...], reached: list[bool]
) -> None:
    trial = Trial(kind=kind)
    found = []
    for step, moment in enumerate(seconds, start=1):
        trial.run(moment - trial.judge.submission_ns() / SECOND)
        found.append(trial.evaluate(step, 0.95))
    assert found == reached


def test_evaluations_take_nothing_from_the_budget_and_nothing_comes_after_it() -> None:
    trial = Trial()
    trial.run(60)
    trial.evaluate(1, 0.1)
    trial.run(40)
    assert not trial.judge.is_out_of_time()
    trial.run(0.001)
    assert trial.judge.is_out_of_time()


@pytest.mark.parametrize(
    ("higher", "value", "reached"),
    [
        (True, 0.9, True),
        (True, 0.8999, False),
        (True, math.nan, False),
        (False, 0.9, True),
        (False, 0.9001, False),
        (False, math.nan, False),
        (False, -math.inf, False),
    ],
)
def test_the_target_is_reached_by_validation_alone(
    higher: bool, value: float, reached: bool
) -> None:
    trial = Trial(higher_is_better=higher)
    trial.run(10)
    assert trial.evaluate(1, value) is reached


def test_reported_steps_advance_and_begin_at_one_by_the_published_rule() -> None:
    trial = Trial(kind="after_previous")
    with pytest.raises(RuleViolation, match=r"comes after step 1. Received: step 2"):
        trial.judge.check_step(2)
    trial.judge.check_step(1)
    trial.evaluate(1, 0)
    for step in (0, 1):
        with pytest.raises(RuleViolation, match=f"1 at the last evaluation, {step} now"):
            trial.judge.check_step(step)
    trial.judge.check_step(2)


@pytest.mark.parametrize("kind", ["fixed", "chosen_steps"])
def test_other_schedules_begin_at_any_step(kind: Kind) -> None:
    trial = Trial(kind=kind)
    trial.judge.check_step(57)
    with pytest.raises(RuleViolation, match="0 at the last evaluation, 0 now"):
        trial.judge.check_step(0)


@pytest.mark.parametrize("reported", [2, 10**9])
def test_a_trainer_that_stops_yielding_is_told_from_a_long_step_without_its_step_count(
    reported: int,
) -> None:
    trial = Trial()
    trial.run(31)  # the first step compiles: only the budget ends that
    trial.judge.check_lateness()
    trial.evaluate(1, 0)
    trial.run(10)  # due at 40 s
    trial.evaluate(reported, 0)
    trial.run(9 + 31)  # due at 50 s; 31 s were the longest from one evaluation to the next
    trial.judge.check_lateness()
    trial.run(0.1)
    with pytest.raises(RuleViolation, match=r"had not yielded 31\.1 s later; 31\.0 s are allowed"):
        trial.judge.check_lateness()


def test_a_trainer_that_always_came_back_soon_has_ten_times_the_limit() -> None:
    trial = Trial()
    trial.run(10)
    trial.evaluate(1, 0)
    trial.run(10 + PATIENCE * 2)
    trial.judge.check_lateness()
    trial.run(0.1)
    with pytest.raises(RuleViolation, match=r"had not yielded 20\.1 s later; 20\.0 s are allowed"):
        trial.judge.check_lateness()


def test_a_trainer_that_finishes_waits_for_the_evaluation_that_is_due_next() -> None:
    trial = Trial()
    trial.run(13)
    trial.evaluate(7, 0)
    assert not trial.judge.completion_must_wait(7)  # nothing to evaluate
    assert trial.judge.completion_must_wait(8)
    trial.run(7)
    assert not trial.judge.completion_must_wait(8)
    trial.evaluate(8, 0)
    trial.run(70.5)  # none is due before the budget ends, at 100 s
    assert not trial.judge.completion_must_wait(9)
    assert not Trial(kind="after_previous").judge.completion_must_wait(1)
    assert not Trial(kind="chosen_steps").judge.completion_must_wait(1)


def test_work_during_a_pause_beyond_the_tolerance_is_a_violation() -> None:
    trial = Trial()
    trial.evaluate(1, 0)
    quiet = trial.judge.evaluations[0]
    busy = {"pause_cpu_seconds": 0.1, "pause_gpu_utilization": 0.05}
    trial.judge.check_pause(quiet.model_copy(update=busy))
    with pytest.raises(RuleViolation, match=r"computed for 0.11 s of CPU time .* 0.10 s are"):
        trial.judge.check_pause(quiet.model_copy(update={"pause_cpu_seconds": 0.11}))
    with pytest.raises(RuleViolation, match=r"used 60% of a GPU .* 5% are"):
        trial.judge.check_pause(quiet.model_copy(update={"pause_gpu_utilization": 0.6}))


def test_a_stop_grants_the_evaluation_at_its_time_and_none_after_it() -> None:
    trial = Trial(stop=EarlyStop(25.0, "slower than the study's best"))
    trial.evaluate(1, 0.1)
    trial.run(24)
    assert trial.judge.seconds_until_next_event() == pytest.approx(1)
    trial.run(1)
    assert trial.judge.over() is None
    trial.run(0.001)
    state, reason = trial.judge.over() or (None, "")
    assert state is TrialState.STOPPED_EARLY
    assert reason == (
        "No continuation beyond 25 s of submission time could change a score: slower than the"
        " study's best."
    )


def test_a_budget_that_is_used_up_goes_before_a_stop() -> None:
    trial = Trial(stop=EarlyStop(99.999, "anything"))
    trial.run(100.001)
    assert (trial.judge.over() or [None])[0] is TrialState.OUT_OF_TIME


def test_without_a_stop_only_the_budget_ends_the_time() -> None:
    trial = Trial()
    trial.run(100)
    assert trial.judge.over() is None
    trial.run(0.001)
    assert (trial.judge.over() or [None])[0] is TrialState.OUT_OF_TIME
