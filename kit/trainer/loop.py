"""The training loop: batches in, compiled steps, evaluations when the referee wants one."""

from __future__ import annotations

import collections
import time
from typing import Any, Protocol

import numpy as np

from kit.backend import framework
from kit.contracts import EvaluationResult, TrainingAlgorithm
from kit.exchange.messages import Report
from kit.trainer.data import FeedbackDelay, Queue
from kit.trainer.program import Program

RUN_AHEAD_STEPS = 4  # how many steps the host may be ahead of the device


class Port(Protocol):
    """The loop's side of the referee."""

    def evaluation_due(self) -> bool: ...
    def set_step(self, step: int) -> None: ...
    def evaluate(
        self, step: int, arrays: list[np.ndarray], report: Report
    ) -> EvaluationResult | None:
        """Hand over weights; return what the submission may know, or None to stop."""

    def complete(self, step: int, arrays: list[np.ndarray], report: Report) -> None: ...


class Loop:
    """Runs one algorithm until the referee stops it or it finishes by itself."""

    def __init__(self, program: Program, queue: Queue, port: Port) -> None:
        self._program = program
        self._algorithm = program.algorithm
        self._queue = queue
        self._port = port
        self._feedback = FeedbackDelay(program.algorithm.feedback_delay)
        self._handover_seconds = 0.0
        self.steps = 0

    def run(self, max_steps: int | None = None) -> None:
        """Train; with `max_steps`, at most so many steps."""
        tickets: collections.deque[Any] = collections.deque()
        for batch in self._algorithm.batches(self._queue, self._feedback):
            feedback, ticket = self._program.step(batch, self.steps)
            self._feedback.push(feedback)
            self.steps += 1
            self._port.set_step(self.steps)
            tickets.append(ticket)
            if len(tickets) > RUN_AHEAD_STEPS:
                framework().synchronize(tickets.popleft())
            if self._port.evaluation_due() and not self._evaluate():
                return
            if self.steps == max_steps:
                break
        self._port.complete(self.steps, self._program.evaluation_weights(), self.report())

    def _evaluate(self) -> bool:
        start = time.perf_counter()
        arrays = self._program.evaluation_weights()
        report = self.report()
        self._handover_seconds += time.perf_counter() - start
        result = self._port.evaluate(self.steps, arrays, report)
        if result is None:
            return False
        if type(self._algorithm).on_evaluation is not TrainingAlgorithm.on_evaluation:
            self._program.replace_state(lambda state: self._algorithm.on_evaluation(state, result))
        return True

    def report(self) -> Report:
        """Return the labelled parts of submission time so far."""
        return Report(
            compile_seconds=self._program.compile_seconds,
            handover_seconds=self._handover_seconds,
            data_wait_seconds=self._queue.wait_seconds,
            xla=dict(self._program.xla),
            peak_device_memory_bytes=framework().peak_device_memory_bytes(),
        )
