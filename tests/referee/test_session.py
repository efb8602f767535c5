"""The protocol's rules about time, with a clock that moves when told and a trainer made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kit.contracts.target import Target
from kit.errors import RuleViolation, TrainerFailed
from kit.exchange.messages import Complete, Ready, Weights, encode
from kit.planning.request import EarlyStop
from kit.records.record import Evaluation, TrialState
from kit.records.schedule import Schedule
from kit.referee.clock import Clock
from kit.referee.judge import Judge
from kit.referee.proc import Thread
from kit.referee.recording import Verdict
from kit.referee.session import Session
from kit.referee.standstill import Standstill
from kit.rules.ruleset import WorkloadRules, load_ruleset

SECOND = 10**9
NOTHING = Standstill(frozenset())
RULES = WorkloadRules(
    target=Target(metric="accuracy", higher_is_better=True, validation=0.9),
    max_runtime_seconds=100,
    eval_period_seconds=10,
    step_hint=1000,
)
SCHEDULE = Schedule("fixed", period_ns=10 * SECOND, late_ns=2 * SECOND)


class Trainer:
    """A trainer whose messages arrive at given times of submission; None: it says nothing."""

    limited_by_kernel = True
    tree = SimpleNamespace(freeze=lambda: NOTHING, thaw=lambda: None, standstill=lambda: NOTHING)

    def __init__(
        self, *script: tuple[float, Any], values: tuple[float, ...], stop_seconds: float = 25.0
    ) -> None:
        stop = EarlyStop(stop_seconds, "slower than the study's best", ("ab" * 32,))
        self.now_ns = 0
        self.clock = Clock(lambda: self.now_ns)
        self.judge = Judge(RULES, load_ruleset("mini"), self.clock, SCHEDULE, stop=stop)
        self._script = [(0.0, Ready()), *script, (1e6, None)]
        self._values = iter(values)
        self.evaluated: list[Evaluation] = []

    def send(self, message: object) -> None: ...
    def close(self) -> None: ...
    def set_evaluation_due(self, due: bool) -> None: ...
    def read(self, size_bytes: int) -> dict[str, Any]:
        return {}

    def step(self) -> int:
        return 0

    def receive_line(self, timeout_seconds: float) -> bytes | None:
        at, message = self._script[0]
        now = self.judge.submission_ns() / SECOND
        if now < at:
            self.now_ns += round(min(max(timeout_seconds, 1e-9), at - now) * SECOND)
            return None
        del self._script[0]
        return encode(message)

    def evaluate(self, step: int, read: object, **_: object) -> Evaluation:
        self.now_ns += 1000 * SECOND  # off the clock
        self.clock.switch("logging")
        return Evaluation(
            index=len(self.evaluated) + 1,
            step=step,
            submission_ns=self.judge.submission_ns(),
            total_ns=0,
            evaluation_ns=0,
            due_ns=self.judge.due_ns,
            freeze_ns=0,
            pause_cpu_seconds=0.0,
            distance_from_initial=0.0,
            finite=True,
            weights_sha256="0" * 64,
            metrics={"validation/accuracy": next(self._values)},
        )

    def run(self) -> Verdict:
        bench: Any = SimpleNamespace(
            clock=self.clock,
            judge=self.judge,
            observer=SimpleNamespace(evaluated=self.evaluated.append),
            interrupted=lambda: None,
            check_interrupted=lambda: None,
            before_go=lambda: None,
            progress=lambda phase, step: None,
            evaluate=self.evaluate,
            memory_limit_bytes=1 << 40,
        )
        ours: Any = self
        return Session(bench, ours, ours, ours, ours).run()


def weights(step: int) -> Weights:
    return Weights(step=step, size_bytes=0)


def test_a_trainer_that_is_between_evaluations_is_stopped_when_the_time_comes() -> None:
    trainer = Trainer((10, weights(9)), (22, weights(50)), (99, weights(90)), values=(0.1, 0.2))
    verdict = trainer.run()
    assert verdict.state is TrialState.STOPPED_EARLY
    assert [e.submission_seconds for e in trainer.evaluated] == pytest.approx([10, 22], abs=0.01)
    assert 25 < trainer.judge.submission_ns() / SECOND < 25.2


def test_weights_at_the_very_time_are_evaluated_and_may_reach_the_target() -> None:
    trainer = Trainer((10, weights(9)), (20, weights(50)), values=(0.1, 0.95), stop_seconds=20.0)
    assert trainer.run().state is TrialState.TARGET_REACHED
    assert trainer.evaluated[-1].submission_ns == 20 * SECOND


@pytest.mark.parametrize("last", [weights(50), Complete(step=50, size_bytes=0)])
def test_weights_that_come_later_are_not_looked_at(last: Weights | Complete) -> None:
    trainer = Trainer((10, weights(9)), (20, last), values=(0.1,))
    freeze = trainer.tree.freeze

    def slow_freeze() -> Standstill:
        if trainer.judge.evaluations:
            trainer.now_ns += 20 * SECOND  # on the clock until the last process is seen stopped
        return freeze()

    trainer.tree = SimpleNamespace(**{**vars(trainer.tree), "freeze": slow_freeze})
    verdict = trainer.run()
    assert verdict.state is TrialState.STOPPED_EARLY
    assert len(trainer.evaluated) == 1
    assert trainer.judge.submission_ns() / SECOND > 25


def test_weights_that_finish_early_are_evaluated_when_the_next_evaluation_is_due() -> None:
    trainer = Trainer((3, Complete(step=50, size_bytes=0)), values=(0.95,))
    assert trainer.run().state is TrialState.TARGET_REACHED
    assert trainer.evaluated[-1].submission_seconds == pytest.approx(10, abs=0.01)


def test_a_trainer_that_has_finished_says_nothing_more() -> None:
    script = ((3, Complete(step=50, size_bytes=0)), (4, weights(51)))
    with pytest.raises(RuleViolation, match="another message after 'complete'"):
        Trainer(*script, values=()).run()


@pytest.mark.parametrize("alive", [True, False])
def test_a_trainer_that_moved_before_it_runs_on_breaks_the_rules(alive: bool) -> None:
    """One that was killed as a whole, as the kernel does for memory, has failed."""
    trainer = Trainer((10, weights(9)), (20, weights(50)), values=(0.95,))
    new = Thread(pid=7, tid=8, started_ticks=1, state="T", cpu_ns=5, timeslices=2)
    moved = {"standstill": lambda: Standstill(frozenset([new])), "any_running": lambda: alive}
    trainer.tree = SimpleNamespace(**{**vars(trainer.tree), **moved})
    trainer.exit_status = lambda timeout_seconds=5.0: "killed by SIGKILL"
    trainer.grace_seconds, trainer.log = 0.0, lambda: b""
    error, message = (
        (RuleViolation, r"did not stand still .*: thread 8 of process 7 is new")
        if alive
        else (TrainerFailed, "ended: killed by SIGKILL")
    )
    with pytest.raises(error, match=message):
        trainer.run()
