"""What a submission sees of its workload: pure functions, shapes and hints, and no name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from kit.backend import framework
from kit.backend.functional import FunctionalModel, build_initial
from kit.contracts import ForwardMode, Loss, LossAndGradients
from kit.contracts.workload import Batch

Tensor = Any


class View:
    """The `WorkloadView` of one trial (see `kit/contracts/view.py` for the contract)."""

    def __init__(self, model: FunctionalModel, *, step_hint: int, batch_size: int) -> None:
        self._model = model
        self._workload = model.workload
        self._framework = framework()
        self.parameters = list(model.parameters)
        self.loss_type = model.workload.loss_type
        self.step_hint = step_hint
        self.batch_size = batch_size

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
        mode = ForwardMode(batch_statistics, dropout_rate, rng)
        outputs, new_state = self._model.forward(params, model_state, batch, mode)
        return outputs, new_state if update_statistics else model_state

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the loss per example of `outputs`."""
        return self._workload.loss(outputs, batch, label_smoothing)

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

        def mean_loss(params: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
            outputs, new_state = self.forward(
                params,
                model_state,
                batch,
                rng,
                dropout_rate=dropout_rate,
                batch_statistics=batch_statistics,
                update_statistics=update_statistics,
            )
            return self.loss(outputs, batch, label_smoothing).mean, new_state

        (loss, new_state), gradients = self.value_and_grad(mean_loss)(params)
        return LossAndGradients(loss, gradients, new_state)

    def value_and_grad(
        self, function: Callable[..., tuple[Tensor, Any]]
    ) -> Callable[..., tuple[tuple[Tensor, Any], Any]]:
        """Differentiate `function(x, *args) -> (scalar, aux)` with respect to the pytree `x`."""
        return self._framework.value_and_grad(function)

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
        """Return gradients of each example's loss, `(batch, *shape)`, with running statistics."""

        def of_one(example: Batch) -> list[Tensor]:
            alone = {**batch, **example}

            def summed_loss(params: list[Tensor]) -> tuple[Tensor, None]:
                outputs, _ = self.forward(
                    params,
                    model_state,
                    alone,
                    rng,
                    dropout_rate=dropout_rate,
                    batch_statistics=False,
                    update_statistics=False,
                )
                return self.loss(outputs, alone, label_smoothing).summed, None

            gradients: list[Tensor] = self.value_and_grad(summed_loss)(params)[1]
            return gradients

        examples = dict(self._workload.single_examples(batch))
        gradients: list[Tensor] = self._framework.vectorized_map(of_one, examples)
        return gradients

    def initial_params(self, seed: int) -> list[Tensor]:
        """Draw new initial parameters, for restarts. Runs on the host and builds a model."""
        params, _ = build_initial(self._workload, seed).initial_values()
        return [ops.convert_to_tensor(value) for value in params]
