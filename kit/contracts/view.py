"""What a submission may see and ask of the workload it trains. It has no name, on purpose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from kit.contracts.loss_type import LossType
from kit.contracts.parameters import Parameter

if TYPE_CHECKING:
    from kit.contracts.loss import Loss

Tensor = Any
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class LossAndGradients:
    """Mean loss of the batch, its gradients in the order of the parameters, and the model state."""

    loss: Tensor
    gradients: list[Tensor]
    model_state: list[Tensor]


class WorkloadView(Protocol):
    """Shapes, kinds and hints, and pure functions over parameters.

    In all functions `rng` is an int32 tensor `(2,)`; `dropout_rate=None` means the workload's own
    rate, a number or a scalar tensor overrides it; `batch_statistics` says whether normalisation
    uses the batch or the running statistics, `update_statistics` whether the returned model state
    holds updated running statistics. Gradients are means over the global batch.
    """

    parameters: list[Parameter]  # a pytree like `params`, for rules that depend on the kind
    loss_type: LossType
    step_hint: int
    batch_size: int

    def loss_and_gradients(
        self,
        params: list[Tensor],
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor,
        *,
        label_smoothing: Any = 0.0,
        dropout_rate: Any = None,
        batch_statistics: bool = True,
        update_statistics: bool = True,
    ) -> LossAndGradients:
        """Return mean loss, gradients and the next model state."""
        ...

    def forward(
        self,
        params: list[Tensor],
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor | None = None,
        *,
        dropout_rate: Any = None,
        batch_statistics: bool = True,
        update_statistics: bool = True,
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the model's outputs and the next model state. Without rng, nothing is dropped."""
        ...

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the loss per example of `outputs`."""
        ...

    def value_and_grad(
        self, function: Callable[..., tuple[Tensor, Any]]
    ) -> Callable[..., tuple[tuple[Tensor, Any], Any]]:
        """Differentiate `function(x, *args) -> (scalar, aux)` with respect to the pytree `x`."""
        ...

    def per_example_gradients(
        self,
        params: list[Tensor],
        model_state: list[Tensor],
        batch: Batch,
        rng: Tensor,
        *,
        label_smoothing: Any = 0.0,
        dropout_rate: Any = None,
    ) -> list[Tensor]:
        """Return gradients of each example's loss, `(batch, *shape)`, with running statistics.

        Where an example has losses for several tasks, of their sum; zeros for padding. The sum over
        examples, divided by the weights of the batch's loss, is the gradient of the mean loss.
        """
        ...

    def initial_params(self, seed: int) -> list[Tensor]:
        """Draw new initial parameters, for restarts. Runs on the host and builds a model."""
        ...
