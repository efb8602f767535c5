"""Bounds of scores with open times, against brute force over values in the intervals."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kit.scoring.bounds import Interval, contribution_bounds
from kit.scoring.gates import gate
from kit.scoring.profile import contributions, ratios

R_MAX = 4.0
VALUES = (0.24, 0.26, 0.4, 1.0, 1.5, 2.0, 3.0, 4.0, 4.5, 5.0, 6.0, 8.0, 9.0, 16.0, 17.0, 70.0)
TIMES = st.sampled_from([*VALUES, np.inf])


@st.composite
def boards(draw):
    """Times on base and variant of up to four submissions, at most three of them open."""
    count = draw(st.integers(1, 4))
    lowest = np.array(draw(st.lists(TIMES, min_size=2 * count, max_size=2 * count)))
    finite = [place for place in range(2 * count) if np.isfinite(lowest[place])]
    places = draw(st.lists(st.sampled_from(finite), max_size=3, unique=True)) if finite else []
    return lowest.reshape(2, count, 1), places, np.array([draw(st.booleans())])


def contributions_of(times, gated):
    kept = gate(times[..., 0, :, :], times[..., 1, :, :], gated, r_max=R_MAX)
    return contributions(ratios(kept.times), R_MAX)


def every_continuation(lowest, places):
    """Return boards with the open times at every value at or above their lowest."""
    flat = lowest.ravel()
    choices = [[v for v in (*VALUES, np.inf) if v >= flat[place]] for place in places]
    combinations = np.array(list(itertools.product(*choices)))
    times = np.repeat(flat[np.newaxis], len(combinations), axis=0)
    if places:
        times[:, places] = combinations
    return times.reshape(-1, *lowest.shape)


def bounds_of(lowest, places, gated):
    highest = lowest.copy()
    highest.ravel()[places] = np.inf
    return contribution_bounds(
        Interval(lowest[0], highest[0]), Interval(lowest[1], highest[1]), gated, r_max=R_MAX
    )


@given(boards())
@settings(max_examples=400, deadline=None)
def test_no_continuation_leaves_the_bounds(board):
    lowest, places, gated = board
    bounds = bounds_of(lowest, places, gated)
    found = contributions_of(every_continuation(lowest, places), gated)
    assert (found >= bounds.lowest).all()
    assert (found <= bounds.highest).all()


@given(boards())
@settings(max_examples=200, deadline=None)
def test_without_variants_the_bounds_are_reached(board):
    lowest, places, _ = board
    assume(places)
    gated = np.array([False])
    bounds = bounds_of(lowest, places, gated)
    found = contributions_of(every_continuation(lowest, places), gated)
    assert (found.min(axis=0) == bounds.lowest).all()
    assert (found.max(axis=0) == bounds.highest).all()


@given(boards())
@settings(max_examples=200, deadline=None)
def test_closed_times_have_one_score(board):
    lowest, _, gated = board
    bounds = bounds_of(lowest, [], gated)
    assert bounds.is_exact.all()
    assert (bounds.lowest == contributions_of(lowest, gated)).all()


@given(boards(), st.sampled_from(VALUES))
@settings(max_examples=200, deadline=None)
def test_own_score_never_rises_with_own_times(board, later):
    lowest, _, gated = board
    before = contributions_of(lowest, gated)
    for side, row in itertools.product((0, 1), range(lowest.shape[1])):
        slower = lowest.copy()
        slower[side, row] = max(slower[side, row], later)
        assert contributions_of(slower, gated)[row] <= before[row]


def test_a_faster_rival_may_help_where_variants_gate():
    """The reason why one end for oneself and the other for all rivals is no bound."""
    gated = np.array([True])
    a, b = (2.0, 1.0), (1.5, 5.0)
    slow, fast = (np.array([[a, b, rival]]).T for rival in ((1.0, 5.0), (0.37, 5.0)))
    slow, fast = (times.transpose(0, 1, 2).reshape(2, 3, 1) for times in (slow, fast))
    assert contributions_of(slow, gated)[1] == 0
    assert contributions_of(fast, gated)[1] == 0  # 1.5 is beyond 4 times 0.37
    fast[0, 2] = 0.4
    assert contributions_of(fast, gated)[1] > 0
    open_rival = Interval(fast, np.where(fast == 0.4, np.inf, fast))
    bounds = contribution_bounds(
        Interval(open_rival.lowest[0], open_rival.highest[0]),
        Interval(open_rival.lowest[1], open_rival.highest[1]),
        gated,
        r_max=R_MAX,
    )
    assert bounds.lowest[1, 0] == 0 < bounds.highest[1, 0]


def test_a_wide_interval_does_not_stand_against_itself():
    """B's variant takes 2 to 16: within 4 times A's 4 whatever it is, and so is A's."""
    gated = np.array([True])
    base, variant = np.array([[2.0], [1.0]]), np.array([[4.0], [2.0]])
    bounds = contribution_bounds(
        Interval(base, base),
        Interval(variant, np.array([[4.0], [16.0]])),
        gated,
        r_max=R_MAX,
    )
    assert bounds.is_exact.all()
    assert bounds.highest[1, 0] == 1


def test_trials_that_never_started_have_bounds():
    """Their times are open from 0 on; nothing is divided by it."""
    gated = np.array([False])
    lowest, highest = np.zeros((2, 1)), np.array([[np.inf], [8.0]])
    bounds = contribution_bounds(
        Interval(lowest, highest), Interval(lowest, lowest), gated, r_max=R_MAX
    )
    assert bounds.lowest.tolist() == [[0.0], [0.0]]
    assert bounds.highest.tolist() == [[1.0], [1.0]]
