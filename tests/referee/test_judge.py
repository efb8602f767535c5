"""The rules of one trial, with a clock that moves when told."""

from __future__ import annotations

import math

import pytest

from kit.contracts.target import Target
from kit.errors import RuleViolation
from kit.records.record import Evaluation, TrialState
from kit.referee.clock import Clock
from kit.referee.judge import Judge
from kit.rules.plan import EarlyStop
from kit.rules.ruleset import Ruleset, WorkloadRules, load_ruleset

SECOND = 10**9


class Trial:
    """A judge with a clock in submission time."""

    def __init__(
        self,
        *,
        higher_is_better: bool = True,
        target: float = 0.9,
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
        self.judge = Judge(rules, self.ruleset, self.clock, stop=stop)

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


def test_the_first_evaluation_is_due_at_once_the_next_a_period_of_submission_time_later() -> None:
    trial = Trial()
    assert trial.judge.evaluation_is_due()
    trial.run(3)
    trial.evaluate(1, 0.1)
    assert not trial.judge.evaluation_is_due()
    trial.run(9.999)
    assert not trial.judge.evaluation_is_due()
    assert trial.judge.seconds_until_next_event() == pytest.approx(0.001)
    trial.run(0.001)
    assert trial.judge.evaluation_is_due()


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
    trial.run(2)
    assert trial.evaluate(1, value) is reached


def test_steps_begin_at_one_and_advance() -> None:
    trial = Trial()
    with pytest.raises(RuleViolation, match=r"comes after step 1. Received: step 2"):
        trial.judge.check_step(2)
    trial.judge.check_step(1)
    trial.evaluate(1, 0)
    for step in (0, 1):
        with pytest.raises(RuleViolation, match=f"1 at the last evaluation, {step} now"):
            trial.judge.check_step(step)
    trial.judge.check_step(2)


def test_a_late_trainer_is_allowed_a_multiple_of_its_median_step() -> None:
    trial = Trial()
    trial.evaluate(1, 0)
    trial.run(50)
    trial.judge.check_lateness()  # nothing is known of its steps yet
    trial.evaluate(11, 0)  # 5 s a step
    trial.run(10 + 20 * 5)
    trial.judge.check_lateness()
    trial.run(0.1)
    with pytest.raises(RuleViolation, match=r"had not yielded 100.1 s later; 100.0 s are allowed"):
        trial.judge.check_lateness()


def test_a_fast_trainer_is_allowed_the_floor() -> None:
    trial = Trial()
    trial.evaluate(1, 0)
    trial.run(10)
    trial.evaluate(10001, 0)
    trial.run(20)
    trial.judge.check_lateness()
    trial.run(0.1)
    with pytest.raises(RuleViolation, match=r"10\.0 s are allowed"):
        trial.judge.check_lateness()


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
