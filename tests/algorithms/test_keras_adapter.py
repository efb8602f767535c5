"""The adapter must do what the Keras optimizer does on real variables."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from kit.algorithms import KerasOptimizerAlgorithm, constant
from kit.backend import framework
from kit.contracts import Parameter, ParameterKind

optimizers = keras.optimizers
SHAPES = ((6, 4), (4,), (3, 3, 2, 2))
DRAW = np.random.default_rng(0)
PARAMS = [DRAW.standard_normal(shape, np.float32) for shape in SHAPES]
GRADIENTS = [[DRAW.standard_normal(shape, np.float32) for shape in SHAPES] for _ in range(4)]
PLAIN = (
    *(optimizers.SGD, optimizers.RMSprop, optimizers.Adam, optimizers.AdamW, optimizers.Adadelta),
    *(optimizers.Adagrad, optimizers.Adamax, optimizers.Adafactor, optimizers.Nadam),
    *(optimizers.Ftrl, optimizers.Lion, optimizers.Lamb, optimizers.Muon),
)
MAKERS: dict[str, Callable[[], Any]] = {
    **{maker.__name__: functools.partial(maker, learning_rate=0.01) for maker in PLAIN},
    "schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.01, 10)),
    "global_clipnorm": lambda: optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5),
    "clipnorm": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipnorm=0.5),
    "use_ema": lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
}


def view() -> Any:
    kinds = (ParameterKind.WEIGHT, ParameterKind.BIAS, ParameterKind.CONV_WEIGHT)
    parameters = tuple(map(Parameter, SHAPES, kinds))
    return SimpleNamespace(parameters=parameters, step_hint=10)


def adapted(maker: Callable[[], Any], schedule: Any = None) -> Any:
    """An algorithm around the optimizer, at the constant rate 0.01 unless told otherwise."""

    class Adapted(KerasOptimizerAlgorithm):
        def build_optimizer(self) -> Any:
            return maker()

        def schedule(self) -> Any:
            return schedule or constant(0.01)

    return Adapted(view(), {})


def run(algorithm: Any, steps: int, *, xla: bool = False) -> tuple[list, list]:
    """Compile and make `steps` steps; return parameters and state."""

    def step(params: Any, state: Any, gradients: Any, number: Any) -> Any:
        rate = algorithm.learning_rate(number)
        return algorithm.apply(params, state, gradients, rate, number)

    compiled = framework().compile(step, xla=xla)
    params = [keras.ops.convert_to_tensor(value) for value in PARAMS]
    state = framework().compile(algorithm.init, xla=False)(params, None)
    for number in range(steps):
        params, state = compiled(params, state, GRADIENTS[number], framework().scalar(number))
    return params, state


@pytest.mark.parametrize("name", MAKERS)
def test_steps_are_those_of_keras(name: str) -> None:
    native = MAKERS[name]()
    variables = [keras.Variable(value) for value in PARAMS]
    for gradients in GRADIENTS:
        native.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)

    params, _ = run(adapted(MAKERS[name]), len(GRADIENTS))

    for ours, theirs in zip(params, variables, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-6)


def test_steps_are_the_same_under_xla() -> None:
    plain, compiled = (run(adapted(MAKERS["AdamW"]), 3, xla=xla)[0] for xla in (False, True))

    for a, b in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_our_schedule_sets_the_rate() -> None:
    params, _ = run(adapted(MAKERS["SGD"], constant(0.5)), 1)

    np.testing.assert_allclose(params[1], PARAMS[1] - 0.5 * GRADIENTS[0][1], rtol=1e-6)


def test_variables_that_start_as_copies_of_parameters_do_so() -> None:
    state = adapted(lambda: optimizers.ScheduleFreeAdamW(0.01)).init(PARAMS, None)
    starts = [np.asarray(value) for value in state]

    for value in PARAMS:
        assert any(np.array_equal(start, value) for start in starts)


def test_kinds_can_be_excluded_from_weight_decay() -> None:
    def maker() -> Any:
        optimizer = optimizers.SGD(1.0, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        return optimizer

    params, _ = run(adapted(maker, constant(1.0)), 1)

    np.testing.assert_allclose(params[0], 0.5 * PARAMS[0] - GRADIENTS[0][0], atol=1e-6)
    np.testing.assert_allclose(params[1], PARAMS[1] - GRADIENTS[0][1], atol=1e-6)


def test_averages_are_evaluated() -> None:
    algorithm = adapted(MAKERS["use_ema"])
    params, state = run(algorithm, 4)
    native = MAKERS["use_ema"]()
    variables = [keras.Variable(value) for value in PARAMS]
    for gradients in GRADIENTS:
        native.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
    native.finalize_variable_values(variables)

    evaluated, model_state = algorithm.eval_params(params, state, ["statistics"])

    assert model_state == ["statistics"]
    assert not np.array_equal(evaluated[0], params[0])
    for ours, theirs in zip(evaluated, variables, strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), atol=1e-6)


@pytest.mark.parametrize("name", ["gradient_accumulation_steps", "ema_overwrite_frequency"])
def test_options_with_side_effects_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"Leave it out. Received: {name}=2\."):
        adapted(lambda: optimizers.Adam(0.01, use_ema=True, **{name: 2}))


def test_forgotten_optimizer_is_named() -> None:
    class Forgetful(KerasOptimizerAlgorithm):
        pass

    with pytest.raises(NotImplementedError, match=r"Forgetful must define build_optimizer\(\)"):
        Forgetful(view(), {"learning_rate": 0.1, "warmup_factor": 0.0})
