"""Profiles and their integral."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.scoring.profile import exact_scores, grid_scores, ratios, steps

RATIO = np.array([[1.0, 2.0, np.inf, 2.0], [3.0, 1.0, np.inf, 5.0]])


def test_ratio_is_infinite_where_nobody_solved():
    times = np.array([[10.0, np.inf], [20.0, np.inf]])
    assert ratios(times).tolist() == [[1.0, np.inf], [2.0, np.inf]]


def test_steps_are_the_exact_breakpoints():
    first, second = steps(RATIO, 4.0)
    assert (first.tau, first.share) == ((1.0, 2.0), (0.25, 0.75))
    assert (second.tau, second.share) == ((1.0, 3.0), (0.25, 0.5))


def test_area_under_the_steps_is_the_score():
    for profile, score in zip(steps(RATIO, 4.0), exact_scores(RATIO, 4.0), strict=True):
        ends = [*profile.tau[1:], 4.0]
        area = sum(
            share * (end - tau)
            for tau, end, share in zip(profile.tau, ends, profile.share, strict=True)
        )
        assert score == pytest.approx(area / 3)


@given(st.lists(st.floats(1, 6), min_size=1, max_size=6))
def test_grid_is_within_one_cell_of_the_exact_integral(row):
    ratio = np.array([row])
    assert abs(grid_scores(ratio, 4.0)[0] - exact_scores(ratio, 4.0)[0]) <= 1 / 99
