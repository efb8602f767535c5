"""A tiny real workload: a convolution, batch statistics and dropout, on data it can learn."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
import pytest

from kit.backend.functional import build_initial
from kit.contracts import (
    BatchNormalization,
    Dropout,
    LossType,
    Metric,
    Reading,
    Workload,
    WorkloadConfig,
    softmax_cross_entropy,
)
from kit.trainer.program import Program
from kit.trainer.view import View


class TinyWorkload(Workload):
    loss_type: ClassVar[LossType] = LossType.SOFTMAX_CROSS_ENTROPY
    metric: ClassVar[Metric] = Metric("accuracy", higher_is_better=True)

    def build_model(self) -> keras.Model:
        inputs = keras.Input((4, 4, 4))
        # No bias before the normalisation: its gradient would be rounding noise.
        x = keras.layers.Conv2D(8, 2, use_bias=False, name="Conv_0")(inputs)
        x = keras.layers.Activation("relu")(BatchNormalization(name="BatchNorm_0")(x))
        x = Dropout(0.1)(keras.layers.Flatten()(x))
        return keras.Model(inputs, keras.layers.Dense(4, name="Dense_0")(x))

    def read(self, reading: Reading) -> Any:
        seed = reading.seed + reading.start_step
        while True:
            seed += 1
            yield self.synthetic_batch(reading.batch_size, seed)

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        draw = np.random.default_rng(seed)
        inputs = draw.standard_normal((batch_size, 4, 4, 4), np.float32)
        targets = np.argmax(inputs.mean(axis=(1, 2)), axis=1).astype(np.int32)
        return {"inputs": inputs, "targets": targets}

    def loss(self, outputs: Any, batch: Any, label_smoothing: Any = 0.0) -> Any:
        return softmax_cross_entropy(outputs, batch["targets"], label_smoothing=label_smoothing)

    def evaluate_batch(self, model_call: Any, batch: Any) -> dict[str, Any]:
        raise NotImplementedError


class TinyTrial:
    """One algorithm on the tiny workload, as the trainer would run it."""

    def __init__(
        self,
        algorithm: type,
        hyperparameters: dict,
        *,
        xla: bool = False,
        batch_size: int = 32,
        compiled: bool = True,
    ) -> None:
        self.workload = TinyWorkload(WorkloadConfig("tiny", "mini"))
        self.model = build_initial(self.workload, 0)
        self.view = View(self.model, step_hint=20, batch_size=batch_size)
        self.algorithm = algorithm(self.view, hyperparameters)
        if compiled:
            params, model_state = self.model.initial_values()
            self.program = Program(self.algorithm, params, model_state, seed=0, xla=xla)

    def initial(self) -> tuple[list, list]:
        """Parameters and model state as tensors."""
        params, state = self.model.initial_values()
        return [*map(keras.ops.convert_to_tensor, params)], [
            *map(keras.ops.convert_to_tensor, state)
        ]

    def train(self, steps: int) -> list[np.ndarray]:
        """Make `steps` steps; return parameters and model state to evaluate."""
        for step in range(steps):
            self.program.step(self.workload.synthetic_batch(self.view.batch_size, step), step)
        return self.program.evaluation_weights()

    def loss(self, weights: list[np.ndarray]) -> float:
        """Return the loss on fresh examples, in evaluation mode."""
        count = len(self.model.names)
        batch = self.workload.synthetic_batch(256, seed=10_000)
        outputs, _ = self.view.forward(
            weights[:count], weights[count:], batch, batch_statistics=False
        )
        return float(self.view.loss(outputs, batch).mean)


@pytest.fixture
def tiny_trial() -> type[TinyTrial]:
    return TinyTrial
