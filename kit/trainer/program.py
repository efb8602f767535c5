"""A training algorithm compiled for one workload: its state on the device and its functions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keras import ops

from kit.backend import framework
from kit.contracts import Stage, TrainingAlgorithm, Update, fold_in

Tensor = Any
Batch = Mapping[str, Any]


@dataclass
class _Function:
    """A compiled function and how long its first call took compared with its second."""

    call: Any
    first_seconds: float = 0.0
    second_seconds: float = 0.0
    calls: int = field(default=0)

    def __call__(self, *args: Any) -> Any:
        if self.calls >= 2:
            return self.call(*args)
        start = time.perf_counter()
        result = self.call(*args)
        framework().synchronize(result)
        elapsed = time.perf_counter() - start
        self.calls += 1
        if self.calls == 1:
            self.first_seconds = elapsed
        else:
            self.second_seconds = elapsed
        return result

    @property
    def compile_seconds(self) -> float:
        """Time of the first call beyond that of the second: tracing and compilation."""
        return max(0.0, self.first_seconds - self.second_seconds)


class Program:
    """Parameters, model state and algorithm state on the device, advanced one step at a time."""

    def __init__(
        self,
        algorithm: TrainingAlgorithm,
        params: list[np.ndarray],
        model_state: list[np.ndarray],
        *,
        seed: int,
        xla: bool,
    ) -> None:
        backend = framework()
        self.algorithm = algorithm
        self.xla = {
            stage.name: xla if stage.xla is None else stage.xla for stage in algorithm.stages
        }
        self._rng = np.asarray([seed, 0], np.int32)
        tensors = [ops.convert_to_tensor(value) for value in params]
        self._init = _Function(backend.compile(algorithm.init, xla=False))
        state = self._init(tensors, fold_in(ops.convert_to_tensor(self._rng), -1))
        self._carry = backend.carry(
            {
                "params": tensors,
                "state": state,
                "model_state": [ops.convert_to_tensor(value) for value in model_state],
            }
        )
        self._stages = [
            (
                stage,
                _Function(self._carry.compile(self._traced(stage), xla=self.xla[stage.name])),
            )
            for stage in algorithm.stages
        ]
        self._eval_params = _Function(self._carry.compile(self._for_evaluation, xla=False))

    def _traced(self, stage: Stage) -> Any:
        method = getattr(self.algorithm, stage.name)

        def run(carry: dict[str, Any], batch: Batch, step: Tensor) -> tuple[dict[str, Any], Any]:
            rng = fold_in(ops.convert_to_tensor(self._rng), step)
            update: Update = method(
                carry["params"], carry["state"], carry["model_state"], batch, rng, step
            )
            after = {
                "params": list(update.params),
                "state": update.state,
                "model_state": list(update.model_state),
            }
            # The step comes back as a ticket: whoever reads it has waited for this call.
            return after, (dict(update.feedback), step + 0)

        return run

    def _for_evaluation(self, carry: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        chosen = self.algorithm.eval_params(carry["params"], carry["state"], carry["model_state"])
        return carry, [ops.convert_to_tensor(leaf) for leaves in chosen for leaf in leaves]

    def step(self, batch: Batch, step: int) -> tuple[dict[str, Tensor], Tensor]:
        """Run the stages due at `step`, counted from 0. Return feedback and a ticket to wait on."""
        feedback: dict[str, Tensor] = {}
        counter = framework().scalar(step)
        ticket = counter
        for stage, function in self._stages:
            if stage.is_due(step):
                stage_feedback, ticket = function(batch, counter)
                feedback.update(stage_feedback)
        return feedback, ticket

    def evaluation_weights(self) -> list[np.ndarray]:
        """Return parameters and model state to evaluate, on the host, the device synchronized."""
        if type(self.algorithm).eval_params is TrainingAlgorithm.eval_params:
            value = self._carry.value()  # nothing to compute, so nothing to compile
            weights = [*value["params"], *value["model_state"]]
        else:
            weights = self._eval_params()
        return framework().to_host(weights)

    def replace_state(self, change: Any) -> None:
        """Let the host function `change(state) -> state` replace the algorithm's state."""
        value = self._carry.value()
        state = change(value["state"])
        if state is not value["state"]:
            self._carry.assign({**value, "state": state})

    @property
    def compile_seconds(self) -> float:
        """Seconds spent tracing and compiling so far."""
        functions = [self._init, self._eval_params, *(function for _, function in self._stages)]
        return sum(function.compile_seconds for function in functions)
