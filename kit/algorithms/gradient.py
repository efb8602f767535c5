"""The base of gradient methods: everything but the update rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.algorithms.clipping import clip_by_global_norm
from kit.algorithms.schedules import Schedule, warmup_cosine
from kit.contracts import TrainingAlgorithm, Update, WorkloadView

Tensor = Any
State = Any
Batch = Mapping[str, Any]


class GradientAlgorithm(TrainingAlgorithm):
    """A method that turns gradients into steps. A subclass defines `init` and `apply`.

    Hyperparameters read here, with AlgoPerf's names:
        learning_rate: peak of the schedule.
        warmup_factor: length of the warm-up as a share of the step hint; 0 if absent.
        grad_clip: largest global norm of a gradient; not clipped if absent or None.
        label_smoothing: 0 if absent.
        dropout_rate: the workload's own if absent or None.
    """

    def __init__(self, workload: WorkloadView, hyperparameters: Mapping[str, Any]) -> None:
        super().__init__(workload, hyperparameters)
        self.learning_rate = self.schedule()

    def schedule(self) -> Schedule:
        """Return the learning rate as a function of the step: warm-up and half-cosine here."""
        return warmup_cosine(
            self.hyperparameters["learning_rate"], self.warmup_steps, self.workload.step_hint
        )

    @property
    def warmup_steps(self) -> int:
        """The whole number of steps in `warmup_factor` of the step hint."""
        return int(self.hyperparameters.get("warmup_factor", 0.0) * self.workload.step_hint)

    def apply(
        self,
        gradients: list[Tensor],
        state: State,
        params: list[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters and state. `step` is an int32 scalar counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define apply().")

    def gradients(
        self, params: list[Tensor], model_state: list[Tensor], batch: Batch, rng: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the gradients to apply and the next model state."""
        read = self.hyperparameters.get
        result = self.workload.loss_and_gradients(
            params,
            model_state,
            batch,
            rng,
            label_smoothing=read("label_smoothing", 0.0),
            dropout_rate=read("dropout_rate"),
        )
        max_norm = read("grad_clip")
        if max_norm is None:
            return result.gradients, result.model_state
        return clip_by_global_norm(result.gradients, max_norm), result.model_state

    def update(
        self,
        state: State,
        params: list[Tensor],
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor,
        step: Tensor,
    ) -> Update:
        """Make one step: gradients, learning rate, update rule."""
        gradients, model_state = self.gradients(params, model_state, batch, rng)
        params, state = self.apply(gradients, state, params, self.learning_rate(step), step)
        return Update(params, model_state, state)
