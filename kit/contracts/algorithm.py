"""The contract of a training algorithm: what a submission implements (`kit.CONTRACT`).

The core is functional. Parameters, model state and the algorithm's own state are pytrees of tensors
of fixed shapes; `init`, the stages and `eval_params` are pure functions that the kit traces,
compiles and runs, each as one call on the device. `batches` and `on_evaluation` run on the host,
between steps. All hooks take arguments in one order: params, state, model_state, batch, rng, step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kit.contracts.view import WorkloadView

Tensor = Any
State = Any
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """One compiled part of a step: the method `name`, run at steps first, first + every, …

    Rare work is a stage of its own: inside a conditional it would slow every step. `xla` overrides
    the workload's choice for this function (an `eigh` under XLA on CPU is 80 times slower). Values
    pass from stage to stage through the state, where they keep their memory between steps.
    """

    name: str
    every: int = 1
    first: int = 0
    xla: bool | None = None

    def is_due(self, step: int) -> bool:
        """Tell whether the stage runs at `step`, counted from 0."""
        return step >= self.first and (step - self.first) % self.every == 0


@dataclass(frozen=True)
class Update:
    """What a stage returns. A field that is passed on unchanged costs nothing.

    `feedback` are small tensors for `batches`, visible there exactly `feedback_delay` steps later.
    """

    params: list[Tensor]
    state: State
    model_state: list[Tensor]
    feedback: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationResult:
    """What a submission is told after an evaluation: never a test metric."""

    step: int
    submission_seconds: float
    max_submission_seconds: float
    metrics: Mapping[str, float]  # "train/loss", "validation/accuracy", …
    target: float
    higher_is_better: bool


class BatchQueue(Protocol):
    """The training data as `batches` sees it: an endless iterator of batches.

    Iterating gives batches of the declared size. `take` gives any other size from the same stream,
    in the same order; every new size is a new compilation, on the clock. Where examples of many
    sizes are packed into arrays of one, a batch has room for `batch_size` average examples.
    """

    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch: ...
    def take(self, batch_size: int) -> Batch: ...


class Feedback(Protocol):
    """The feedback that has become visible: `latest()` is that of step t - feedback_delay.

    It holds what the stages of that very step returned: nothing of a stage that did not run then.
    """

    def latest(self) -> Mapping[str, Any]: ...


class TrainingAlgorithm:
    """Base of all submissions. Override what the algorithm needs; the rest has defaults.

    `stages` may be set in `__init__`, where a period is a hyperparameter. `self.hyperparameters`
    has a value for every name that the submission declares in `HYPERPARAMETERS`.
    """

    stages: tuple[Stage, ...] = (Stage("update"),)
    feedback_delay: int = 2

    def __init__(self, workload: WorkloadView, hyperparameters: Mapping[str, Any]) -> None:
        self.workload = workload
        self.hyperparameters = hyperparameters

    def init(self, params: list[Tensor], rng: Tensor) -> State:
        """Return the initial state, a pytree of tensors whose shapes never change."""
        return ()

    def update(
        self,
        params: list[Tensor],
        state: State,
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor,
        step: Tensor,
    ) -> Update:
        """Make one step. Every stage has this signature.

        Args:
            params: a list, with one tensor for each of `workload.parameters`, in their order.
            state: the algorithm's own pytree.
            model_state: a list of tensors: batch statistics.
            batch: dict of tensors.
            rng: int32 `(2,)`, different at every step, the same in all stages of one step.
            step: int32 scalar, counted from 0.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update() or its own stages.")

    def eval_params(
        self, params: list[Tensor], state: State, model_state: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the parameters and model state to evaluate; training goes on from the old ones."""
        return params, model_state

    def batches(self, queue: BatchQueue, feedback: Feedback) -> Iterator[Batch]:
        """Yield the batch of every step, on the host: echoing, curricula, changing sizes."""
        return iter(queue)

    def on_evaluation(self, state: State, result: EvaluationResult) -> State:
        """Return the state to go on with, on the host, after each evaluation."""
        return state
