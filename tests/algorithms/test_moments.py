"""Moving averages, bias correction, clipping and steps on plain numbers."""

from __future__ import annotations

import numpy as np
import pytest

from kit.algorithms import clip_by_global_norm, debias, descend, ema, global_norm, map_leaves
from kit.backend import framework


def tensors(*values: list[float]) -> list[np.ndarray]:
    return [np.array(value, np.float32) for value in values]


def test_ema_moves_by_one_minus_beta() -> None:
    np.testing.assert_allclose(ema(*tensors([1.0], [3.0]), 0.75), [1.5])


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.999, 0.9999999])
def test_debiased_average_of_a_constant_is_the_constant(beta: float) -> None:
    average, (constant,) = np.float32(0.0), tensors([2.0])
    for count in range(1, 4):
        average = ema(average, constant, beta)
        value = debias(average, beta, framework().scalar(count))
        np.testing.assert_allclose(value, constant, rtol=1e-6)


def test_global_norm_is_over_all_leaves() -> None:
    assert float(global_norm(tensors([3.0, 0.0], [0.0, 4.0]))) == 5.0


def test_clipping_keeps_the_direction_and_bounds_the_norm() -> None:
    clipped = clip_by_global_norm(tensors([3.0], [4.0]), 1.0)

    np.testing.assert_allclose(np.concatenate(clipped), [0.6, 0.8], rtol=1e-6)


def test_small_gradients_are_not_clipped() -> None:
    clipped = clip_by_global_norm(tensors([0.3], [0.4]), 1.0)

    np.testing.assert_array_equal(np.concatenate(clipped), np.float32([0.3, 0.4]))


def test_moments_of_trees_are_those_of_their_leaves() -> None:
    average, value = {"a": [1.0, 2.0], "b": 3.0}, {"a": [3.0, 2.0], "b": 1.0}

    assert ema(average, value, 0.75) == {"a": [1.5, 2.0], "b": 2.5}
    assert float(debias({"a": [0.5]}, 0.5, 1)["a"][0]) == 1.0


def test_map_leaves_returns_a_tree_for_each_result() -> None:
    sums, products = map_leaves(lambda a, b: (a + b, a * b), {"x": [1, 2]}, {"x": [3, 4]})

    assert (sums, products) == ({"x": [4, 6]}, {"x": [3, 8]})
    assert map_leaves(lambda a: -a, {"x": [1, 2]}) == {"x": [-1, -2]}


def test_map_leaves_hands_over_what_is_deeper_as_it_is() -> None:
    counts, shapes = map_leaves(lambda p, axes: (p + len(axes), axes), [1, 2], [[5], [6, 7]])

    assert (counts, shapes) == ([2, 4], [[5], [6, 7]])


def test_map_leaves_rejects_trees_that_lack_a_place() -> None:
    with pytest.raises(ValueError, match="arity mismatch"):
        map_leaves(lambda a, b: (a, b), [1, 2], [3])


def test_descend_decays_by_the_learning_rate() -> None:
    (moved,) = descend(*map(list, (tensors([2.0]), tensors([1.0]))), 0.5, weight_decay=0.25)

    assert moved.tolist() == [2.0 - 0.5 * (1.0 + 0.25 * 2.0)]
