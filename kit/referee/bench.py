"""What the referee has on its desk during a trial, and the evaluation that both modes share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kit.exchange.weights import Arrays
from kit.records.record import Evaluation
from kit.referee.clock import Clock, seconds
from kit.referee.evaluator import Evaluator, Interrupted
from kit.referee.events import Observer, Progress
from kit.referee.judge import Judge


@dataclass(frozen=True)
class Pause:
    """What a trainer did while it should stand still."""

    cpu_seconds: float = 0.0
    gpu_utilization: float | None = None


@dataclass(frozen=True)
class Bench:
    """Clock, rules, evaluation and observer of one trial."""

    clock: Clock
    judge: Judge
    evaluator: Evaluator
    observer: Observer
    interrupted: Callable[[], str | None]  # the name of a signal that asks to end the trial
    memory_limit_bytes: int
    before_go: Callable[[], object]  # called right before the clock starts, off the clock

    def progress(self, phase: str, step: int) -> None:
        """Tell the observer where the trial is."""
        self.observer.progress(
            Progress(
                phase=phase,
                step=step,
                submission_seconds=seconds(self.clock.elapsed_ns("submission")),
                evaluation_seconds=seconds(self.clock.elapsed_ns("evaluation")),
                total_seconds=seconds(self.clock.total_ns()),
            )
        )

    def check_interrupted(self) -> None:
        """Raise `Interrupted` when a signal has asked to end the trial."""
        if name := self.interrupted():
            raise Interrupted(name)

    def evaluate(
        self,
        step: int,
        read: Callable[[], Arrays],
        *,
        arrived_ns: int,
        pause: Callable[[], Pause],
    ) -> Evaluation:
        """Evaluate in the running `evaluation` phase, and switch the clock to `logging`.

        Args:
            step: steps that the weights have seen.
            read: gets the weights; may raise `RuleViolation`.
            arrived_ns: submission time when the weights were announced.
            pause: says what the trainer has done since it was frozen.
        """
        self.progress("evaluating", step)
        start_ns = self.clock.phase_started_ns
        arrays = read()
        metrics = self.evaluator.evaluate(arrays, self.check_interrupted)
        distance, finite = self.evaluator.distance_from_initial(arrays)
        digest = self.evaluator.digest(arrays)
        used = pause()
        ended_ns = self.clock.switch("logging")
        submission_ns = self.clock.elapsed_ns("submission")
        return Evaluation(
            index=len(self.judge.evaluations) + 1,
            step=step,
            submission_ns=submission_ns,
            total_ns=start_ns,
            evaluation_ns=ended_ns - start_ns,
            due_ns=self.judge.due_ns,
            freeze_ns=submission_ns - arrived_ns,
            pause_cpu_seconds=used.cpu_seconds,
            pause_gpu_utilization=used.gpu_utilization,
            distance_from_initial=distance,
            finite=finite,
            weights_sha256=digest,
            metrics=metrics,
        )


def visible_metrics(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return what a submission may know: train and validation, null for what is not finite."""
    return {
        name: value if math.isfinite(value) else None
        for name, value in metrics.items()
        if not name.startswith("test/")
    }
