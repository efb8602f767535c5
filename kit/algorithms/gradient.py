"""The base of gradient methods: everything but the update rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.algorithms.clipping import clip_by_global_norm
from kit.algorithms.leaves import map_leaves, zeros_like
from kit.algorithms.schedules import Schedule, warmup_cosine
from kit.contracts import TrainingAlgorithm, Update, WorkloadView

Tensor = Any
State = Any
Batch = Mapping[str, Any]

HYPERPARAMETERS = {
    "learning_rate": {"range": (0.0, None), "meaning": "peak of the schedule"},
    "warmup_factor": {
        "default": 0.0,
        "range": (0.0, 1.0),
        "meaning": "length of the warm-up as a share of the step hint",
    },
    "grad_clip": {
        "default": None,
        "range": (0.0, None),
        "meaning": "largest global norm of a gradient; null does not clip",
    },
    "label_smoothing": {
        "default": 0.0,
        "range": (0.0, 1.0),
        "meaning": "share of the target that all classes get alike",
    },
    "dropout_rate": {
        "default": None,
        "range": (0.0, 1.0),
        "meaning": "share of dropped units; null is the workload's rate",
    },
}


class GradientAlgorithm(TrainingAlgorithm):
    """A method that turns gradients into steps.

    A subclass defines `rule`, the update of one parameter, and lists in `slots` the tensors that it
    keeps for each. One that looks at several parameters at once, or at their kinds, defines `init`
    and `apply` instead.
    """

    slots: tuple[str, ...] = ()

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
        return int(self.hyperparameters["warmup_factor"] * self.workload.step_hint)

    def init(self, params: list[Tensor], rng: Tensor) -> State:
        """Return zeros for every slot: a dict of lists like `params`."""
        return {slot: zeros_like(params) for slot in self.slots}

    def rule(self, *arguments: Tensor) -> Any:
        """Return a parameter's next value, then those of its slots.

        Called as `rule(p, *slots, g, learning_rate, step)`, with the gradient `g` and the step, an
        int32 scalar, counted from 0.
        """
        raise NotImplementedError(f"{type(self).__name__} must define rule() or apply().")

    def apply(
        self,
        params: list[Tensor],
        state: State,
        gradients: list[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> tuple[list[Tensor], State]:
        """Return the next parameters and state: those of `rule`. `step` is counted from 0."""
        results = map_leaves(
            lambda *leaves: self.rule(*leaves, learning_rate, step),
            params,
            *(state[slot] for slot in self.slots),
            gradients,
        )
        params, *kept = results if self.slots else (results,)
        return params, {**state, **dict(zip(self.slots, kept, strict=True))}

    def gradients(
        self, params: list[Tensor], model_state: list[Tensor], batch: Batch, rng: Tensor
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the gradients to apply and the next model state."""
        given = self.hyperparameters
        result = self.workload.loss_and_gradients(
            params,
            model_state,
            batch,
            rng,
            label_smoothing=given["label_smoothing"],
            dropout_rate=given["dropout_rate"],
        )
        return self.clipped(result.gradients), result.model_state

    def clipped(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return the gradients, no longer than `grad_clip`."""
        max_norm = self.hyperparameters["grad_clip"]
        return gradients if max_norm is None else clip_by_global_norm(gradients, max_norm)

    def update(
        self,
        params: list[Tensor],
        state: State,
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor,
        step: Tensor,
    ) -> Update:
        """Make one step: gradients, learning rate, update rule."""
        gradients, model_state = self.gradients(params, model_state, batch, rng)
        params, state = self.apply(params, state, gradients, self.learning_rate(step), step)
        return Update(params, state, model_state)
