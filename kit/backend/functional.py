"""A workload's model as pure functions of flat lists of tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kit.backend import framework
from kit.contracts.forward import EVALUATION, ForwardMode, forward_mode
from kit.contracts.kernels import build_with
from kit.contracts.parameters import Parameter, ParameterKind
from kit.contracts.workload import Batch, Workload
from kit.exchange.weights import TensorSpec

Tensor = Any

_KIND_BY_NAME = (  # the first match wins; a workload's own patterns come before these
    (r"BatchNorm[^/]*/scale$", ParameterKind.BATCH_NORM_SCALE),
    (r"BatchNorm[^/]*/bias$", ParameterKind.BATCH_NORM_BIAS),
    (r"LayerNorm[^/]*/scale$", ParameterKind.LAYER_NORM_SCALE),
    (r"LayerNorm[^/]*/bias$", ParameterKind.LAYER_NORM_BIAS),
    (r"Conv[^/]*/kernel$", ParameterKind.CONV_WEIGHT),
    (r"[Ee]mbed", ParameterKind.EMBEDDING),
    (r"bias$", ParameterKind.BIAS),
    (r"", ParameterKind.WEIGHT),
)


class FunctionalModel:
    """Model, parameter names and forward pass of one workload.

    `names` and `state_names` give the order of the flat lists of parameters and model state. They
    are the paths of the golden files.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        with build_with(framework().kernels()):
            self.model: keras.Model = workload.build_model()
        self.names = [variable.path for variable in self.model.trainable_variables]
        self.state_names = [variable.path for variable in self.model.non_trainable_variables]
        self.parameters = tuple(self._parameter(v) for v in self.model.trainable_variables)

    def _parameter(self, variable: keras.Variable) -> Parameter:
        patterns = (*self.workload.config.parameter_kinds.items(), *_KIND_BY_NAME)
        kind = next(kind for pattern, kind in patterns if re.search(pattern, variable.path))
        return Parameter(tuple(variable.shape), ParameterKind(kind), str(variable.dtype))

    def tensor_specs(self) -> list[TensorSpec]:
        """Return names, shapes and dtypes of everything that is handed over, in order."""
        named = zip(
            [f"param/{name}" for name in self.names]
            + [f"state/{name}" for name in self.state_names],
            [*self.model.trainable_variables, *self.model.non_trainable_variables],
            strict=True,
        )
        return [TensorSpec(name, tuple(v.shape), str(v.dtype)) for name, v in named]

    def initial_values(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the values the model was built with: parameters and model state."""
        return (
            [np.asarray(variable) for variable in self.model.trainable_variables],
            [np.asarray(variable) for variable in self.model.non_trainable_variables],
        )

    def forward(
        self, params: list[Tensor], model_state: list[Tensor], batch: Batch, mode: ForwardMode
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the outputs for `batch` and the model state after the pass."""
        new_state = model_state

        def model_call(inputs: Tensor) -> Tensor:
            nonlocal new_state
            outputs, new_state = self.model.stateless_call(params, new_state, inputs)
            return outputs

        with forward_mode(mode):
            outputs = self.workload.outputs(model_call, batch)
        return outputs, list(new_state)

    def evaluate_batch(
        self, params: list[Tensor], model_state: list[Tensor], batch: Batch
    ) -> Mapping[str, Tensor]:
        """Return the workload's evaluation of one batch, in evaluation mode."""

        def model_call(inputs: Tensor) -> Tensor:
            return self.model.stateless_call(params, model_state, inputs)[0]

        with forward_mode(EVALUATION):
            return self.workload.evaluate_batch(model_call, batch)


def build_initial(workload: Workload, seed: int) -> FunctionalModel:
    """Build the model with initial values drawn from `seed` alone."""
    keras.utils.set_random_seed(seed % 2**32)
    return FunctionalModel(workload)


def build_shapes(workload: Workload) -> FunctionalModel:
    """Build the model with shapes and no values, which fits into any memory."""
    with keras.StatelessScope(initialize_variables=False):
        model = FunctionalModel(workload)
    # Keras would give them their values after all when the next scope ends.
    keras.utils.clear_session(free_memory=False)
    return model
