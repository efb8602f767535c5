"""The training loop's port to a referee in another process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from kit.contracts import EvaluationResult
from kit.exchange import directory
from kit.exchange.channel import Channel
from kit.exchange.messages import Complete, Report, Resume, Setup, Weights
from kit.exchange.weights import WeightsLayout, WeightsOutbox
from kit.trainer.receive import receive


class SocketPort:
    """The loop's port to a referee in another process."""

    def __init__(
        self, channel: Channel, exchange: Path, layout: WeightsLayout, setup: Setup
    ) -> None:
        self._channel = channel
        self._control = directory.TrainerControl(exchange)
        self._outbox = WeightsOutbox(exchange, layout)
        self._setup = setup
        self._handover_seconds = 0.0
        self._chosen_steps = frozenset(setup.evaluate_at_steps)
        self._step = 0

    def set_step(self, step: int) -> None:
        """Publish how many steps are done."""
        self._step = step
        self._control.set_step(step)

    def evaluation_due(self) -> bool:
        """Tell whether to hand over weights now."""
        if self._chosen_steps:
            return self._step in self._chosen_steps
        return self._control.evaluation_due()

    def evaluate(
        self, step: int, arrays: list[np.ndarray], report: Report
    ) -> EvaluationResult | None:
        """Hand over weights and wait for the answer; the referee freezes this process meanwhile."""
        size = self._write(arrays)
        self._channel.send(Weights(step=step, size_bytes=size, report=self._with_handover(report)))
        answer = receive(self._channel, Resume)
        return EvaluationResult(
            step=answer.step,
            submission_seconds=answer.submission_seconds,
            max_submission_seconds=self._setup.max_submission_seconds,
            metrics={k: np.nan if v is None else v for k, v in answer.metrics.items()},
            target=self._setup.target,
            higher_is_better=self._setup.higher_is_better,
        )

    def complete(self, step: int, arrays: list[np.ndarray], report: Report) -> None:
        """Hand over the last weights and wait until the referee ends this process."""
        size = self._write(arrays)
        self._channel.send(Complete(step=step, size_bytes=size, report=self._with_handover(report)))
        self._channel.receive_line(None)

    def _write(self, arrays: list[np.ndarray]) -> int:
        start = time.perf_counter()
        size = self._outbox.write(arrays)
        self._handover_seconds += time.perf_counter() - start
        return size

    def _with_handover(self, report: Report) -> Report:
        total = report.handover_seconds + self._handover_seconds
        return report.model_copy(update={"handover_seconds": total})
