"""Any Keras optimizer as a training algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from kit.algorithms.gradient import GradientAlgorithm
from kit.contracts import WorkloadView

Tensor = Any


class KerasOptimizerAlgorithm(GradientAlgorithm):
    """Runs the Keras optimizer that `build_optimizer` returns; its variables are the state.

    The learning rate is that of `schedule()`, whatever number the optimizer was built with; only a
    Keras `LearningRateSchedule` given to the optimizer takes precedence. With `use_ema` the
    averages are evaluated, as after `Model.fit`. The optimizer sees a parameter's kind as its name,
    so `exclude_from_weight_decay(var_names=["bias"])` works.
    """

    def __init__(self, workload: WorkloadView, hyperparameters: Mapping[str, Any]) -> None:
        super().__init__(workload, hyperparameters)
        self._optimizer = _functional(_checked(self.build_optimizer()))
        # On the host: only shapes and start values of these variables are ever used. Each leaf is
        # filled with a number of its own, by which variables that start as its copy are recognised.
        with keras.device("cpu"):
            self._leaves = [
                keras.Variable(np.full(leaf.shape, _mark(i), leaf.dtype), name=f"{leaf.kind}_{i}")
                for i, leaf in enumerate(workload.parameters)
            ]
            self._optimizer.build(self._leaves)
        variables = self._optimizer.variables
        self._start = [np.asarray(variable) for variable in variables]
        self._rate_index = next(
            (i for i, v in enumerate(variables) if v is self._optimizer.learning_rate), None
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Return a new optimizer made from `self.hyperparameters`."""
        raise NotImplementedError(f"{type(self).__name__} must define build_optimizer().")

    def init(self, params: list[Tensor], rng: Tensor) -> list[Tensor]:
        """Return the start values of the optimizer's variables."""
        return [_started(value, params) for value in self._start]

    def apply(
        self,
        params: list[Tensor],
        state: list[Tensor],
        gradients: list[Tensor],
        learning_rate: Tensor,
        step: Tensor,
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Make one step of the optimizer."""
        variables = list(state)
        if self._rate_index is not None:
            variables[self._rate_index] = learning_rate
        return self._run(lambda: self._optimizer.apply(gradients), params, variables)

    def eval_params(
        self, params: list[Tensor], state: list[Tensor], model_state: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return what the optimizer would leave in the model at the end of training."""
        finalize = self._optimizer.finalize_variable_values
        return self._run(lambda: finalize(self._leaves), params, state)[0], model_state

    def _run(
        self, change: Callable[[], None], params: list[Tensor], state: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Let `change` assign to the variables, and return their values instead."""
        held = [*zip(self._leaves, params, strict=True)]
        held += zip(self._optimizer.variables, state, strict=True)
        with keras.StatelessScope(state_mapping=held):
            change()
            values = [_value(variable) for variable, _ in held]
        return values[: len(params)], values[len(params) :]


def _checked(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Refuse what Keras implements by branches with side effects."""
    for name in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
        if getattr(optimizer, name):
            raise ValueError(
                f"The Keras adapter cannot run {name}, which is not a pure function in Keras. "
                f"Leave it out. Received: {name}={getattr(optimizer, name)}."
            )
    return optimizer


def _functional(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Make the optimizer work in a stateless scope on TensorFlow too.

    There the TensorFlow mix-in of Keras optimizers writes to `tf.Variable`s, for `tf.distribute`.
    Beneath it lies the implementation of all backends, which assigns through the scope. The
    returned optimizer's class puts that one above the mix-in again.
    """
    if keras.backend.backend() != "tensorflow":
        return optimizer
    own = type(optimizer)
    base = next(c for c in own.__mro__ if c.__name__ == "BaseOptimizer")
    mixin = next(c for c in own.__mro__ if c.__name__ == "TFOptimizer")
    shared = {
        name: member
        for name, member in vars(base).items()
        if name in vars(mixin) and not name.startswith("__")
    }
    optimizer.__class__ = type(own.__name__, (own, type("Functional", (mixin,), shared)), {})
    return optimizer


def _mark(index: int) -> float:
    return index + 1.5


def _started(value: np.ndarray[Any, Any], params: list[Tensor]) -> Tensor:
    """Return a start value as a tensor: usually one number, or a copy of a parameter."""
    first = value.flat[0] if value.size else value.dtype.type(0)
    if not np.all(value == first):
        return ops.convert_to_tensor(value)
    index = int(first - _mark(0)) if first >= _mark(0) else -1
    if 0 <= index < len(params) and first == _mark(index) and value.shape == params[index].shape:
        return params[index] + 0.0
    return ops.full(value.shape, first, dtype=value.dtype.name)


def _value(variable: keras.Variable) -> Tensor:
    """Return a variable's value in the scope, where it may be another variable."""
    value = variable.value
    while isinstance(value, keras.Variable):
        value = value.value
    return ops.convert_to_tensor(value)
