"""Dropout and batch statistics are arguments of a forward pass."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kit.backend import framework
from kit.contracts import BatchNormalization, Dropout, ForwardMode, fold_in, forward_mode

X = np.ones((64, 50), np.float32)


def model(default_rate: float = 0.0) -> keras.Model:
    inputs = keras.Input((50,))
    return keras.Model(inputs, Dropout(default_rate)(inputs))


def dropped(built: keras.Model, rate: object, *, rng: list[int] | None, xla: bool = False) -> float:
    """Return the share of zeros when the rate is an argument of a compiled function."""

    def forward(rate, rng):
        with forward_mode(ForwardMode(True, rate, rng)):
            return built.stateless_call([], [], ops.convert_to_tensor(X))[0]

    seed = None if rng is None else ops.convert_to_tensor(rng, "int32")
    outputs = np.asarray(framework().compile(forward, xla=xla)(rate, seed))
    kept = outputs[outputs != 0]
    if kept.size and kept.size < outputs.size:
        assert outputs.mean() == pytest.approx(1, abs=0.2)  # inverted: the mean stays
    return float((outputs == 0).mean())


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_the_rate_is_a_tensor_that_may_change(rate: float, xla: bool) -> None:
    share = dropped(model(), ops.convert_to_tensor(rate, "float32"), rng=[1, 2], xla=xla)
    assert share == pytest.approx(rate, abs=0.03)


def test_without_a_rate_the_workloads_own_applies_and_evaluation_drops_nothing() -> None:
    assert dropped(model(0.5), None, rng=[1, 2]) == pytest.approx(0.5, abs=0.03)
    assert dropped(model(0.5), None, rng=None) == 0
    assert np.asarray(model(0.5)(X)).min() == 1


def test_layers_and_rngs_draw_differently() -> None:
    inputs = keras.Input((50,))
    two = keras.Model(inputs, [Dropout()(inputs), Dropout()(inputs)])

    def masks(rng: list[int]) -> list[np.ndarray]:
        mode = ForwardMode(True, 0.5, ops.convert_to_tensor(rng, "int32"))
        with forward_mode(mode):
            return [np.asarray(y) for y in two.stateless_call([], [], ops.convert_to_tensor(X))[0]]

    first, again, other = masks([1, 0]), masks([1, 0]), masks([2, 0])
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], other[0])


def test_folding_in_gives_different_randomness_for_different_data() -> None:
    rng = ops.convert_to_tensor([3, 4], "int32")
    folded = {tuple(np.asarray(fold_in(rng, data)).tolist()) for data in range(50)}
    assert len(folded) == 50


def test_using_and_updating_statistics_are_two_questions() -> None:
    inputs = keras.Input((4,))
    built = keras.Model(inputs, BatchNormalization()(inputs))
    x = np.random.default_rng(0).normal(3, 2, (256, 4)).astype(np.float32)
    params = [v.value for v in built.trainable_variables]
    state = [v.value for v in built.non_trainable_variables]
    outputs = {}
    for batch_statistics in (False, True):
        with forward_mode(ForwardMode(batch_statistics)):
            outputs[batch_statistics] = built.stateless_call(
                params, state, ops.convert_to_tensor(x)
            )
    running, unchanged = outputs[False]
    np.testing.assert_allclose(running, x, rtol=1e-4)  # mean 0 and variance 1 so far
    np.testing.assert_array_equal(unchanged, state)
    normalised, updated = outputs[True]
    np.testing.assert_allclose(np.mean(normalised, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(updated[0], 0.1 * x.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(updated[1], 0.9 + 0.1 * x.var(axis=0), rtol=1e-4)
