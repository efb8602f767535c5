"""Two submissions, paired studies."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kit.errors import UsageError
from kit.scoring.comparison import compare

INF = math.inf


def test_effect_is_the_geometric_mean_of_time_ratios():
    result = compare({"w": [10, 10], "x": [5]}, {"w": [20, 80], "x": [5]})
    assert result.speedup == pytest.approx(2.0)  # workloads weigh the same: (4 * 1) ** 0.5
    assert (result.pairs, result.both_reached) == (3, 3)
    assert result.interval is not None
    assert result.interval.low == pytest.approx(math.sqrt(2))
    assert result.interval.high == pytest.approx(math.sqrt(8))


def test_misses_are_counted_not_dropped():
    result = compare({"w": [10, 10, INF, INF]}, {"w": [20, INF, 5, INF]})
    assert (result.both_reached, result.neither_reached) == (1, 1)
    assert (result.only_first_reached, result.only_second_reached) == (1, 1)
    assert (result.wins, result.losses) == (2, 1)
    assert result.speedup == pytest.approx(2.0)
    assert result.interval is None


def test_without_a_pair_that_both_reached_there_is_no_effect():
    result = compare({"w": [10, 10, 10]}, {"w": [INF, INF, INF]})
    assert result.speedup is None
    assert result.p_value is None
    assert result.sign_p_value == pytest.approx(2 / 8)


def test_p_value_enumerates_all_sign_flips():
    result = compare({"w": [1, 1, 1]}, {"w": [2, 3, 4]})
    assert result.p_value == result.smallest_p_value == pytest.approx(2 / 8)
    assert compare({"w": [1, 4]}, {"w": [4, 1]}).p_value == 1.0
    assert compare({"w": [3, 3]}, {"w": [3, 3]}).p_value == 1.0


def test_p_value_with_many_pairs_is_drawn():
    generator = np.random.default_rng(0)
    first = generator.lognormal(0, 0.3, 40)
    assert compare({"w": first}, {"w": first * 1.5}).p_value < 0.001
    other = generator.lognormal(0, 0.3, 40)
    assert compare({"w": first}, {"w": other}).p_value > 0.05


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"w": [1]}, {"x": [1]}, "needs the same workloads of both. Received: w and x"),
        ({}, {}, r"Received: \(none\) and \(none\)"),
        ({"w": [1, 2]}, {"w": [1]}, "needs the same studies of both on w. Received: 2 and 1"),
        ({"w": [0]}, {"w": [1]}, "Times must be positive numbers"),
        ({"w": [math.nan]}, {"w": [1]}, "Times must be positive numbers"),
    ],
)
def test_what_cannot_be_paired_is_refused(first, second, message):
    with pytest.raises(UsageError, match=message):
        compare(first, second)
