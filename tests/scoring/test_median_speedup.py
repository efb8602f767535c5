"""The median of paired speedups and its interval."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.scoring.bootstrap import Bounds
from kit.scoring.median_speedup import median_speedup

INF = math.inf


def test_interval_of_six_pairs_is_from_the_smallest_to_the_largest_ratio():
    pairs = [(1.0, ratio) for ratio in (1.5, 1.1, 1.3, 1.2, 2.0, 1.4)]
    found = median_speedup(pairs)
    assert found.median == pytest.approx(1.35)
    assert found.interval == Bounds(1.1, 2.0)


def test_five_pairs_are_too_few_for_an_interval_and_nine_leave_out_the_outermost():
    assert median_speedup([(1.0, 2.0)] * 5).interval is None
    nine = [(1.0, float(ratio)) for ratio in range(1, 10)]
    assert median_speedup(nine).interval == Bounds(2.0, 8.0)  # 1 - 2 * 10/512 = 0.961
    assert median_speedup(nine, level=0.97).interval == Bounds(1.0, 9.0)


def test_misses_have_no_ratio_and_are_counted():
    found = median_speedup([(10.0, 20.0), (10.0, INF), (INF, 5.0), (INF, INF)])
    assert (found.pairs, found.both_reached) == (4, 1)
    assert (found.only_first_reached, found.only_second_reached) == (1, 1)
    assert (found.median, found.interval) == (2.0, None)
    nothing = median_speedup([])
    assert (nothing.median, nothing.interval) == (None, None)


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=6, max_size=40))
def test_median_lies_in_its_interval_and_exchanging_the_sides_inverts_both(pairs):
    found = median_speedup(pairs)
    assert found.interval is not None
    assert found.interval.low <= found.median <= found.interval.high
    turned = median_speedup([(second, first) for first, second in pairs])
    assert turned.interval.low == pytest.approx(1 / found.interval.high)
    assert turned.interval.high == pytest.approx(1 / found.interval.low)
