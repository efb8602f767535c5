"""Intervals: same seed, same intervals; none where there is nothing to resample."""

from __future__ import annotations

import numpy as np

from kit.scoring.bootstrap import intervals, ranks, resampled_scores, time_intervals
from kit.scoring.leaderboard import score
from tests.scoring.boards import INF, make_board, make_rules, stopped

BOARD = {"a": {"w": [[10.0], [11.0], [19.0]]}, "b": {"w": [[12.0], [13.0], [14.0]]}}


def test_one_study_has_no_interval():
    board = score(make_board({"a": {"w": [[10.0]]}}, make_rules()))
    assert board.intervals is not None
    assert board.intervals.scores is None
    assert board.standings[0].interval is None


def test_same_seed_gives_the_same_intervals_and_another_does_not():
    results = make_board(BOARD, make_rules(studies=3))
    assert intervals(results, seed=1) == intervals(results, seed=1)
    assert not np.array_equal(
        resampled_scores(results, resamples=50, seed=1),
        resampled_scores(results, resamples=50, seed=2),
    )


def test_score_lies_in_its_interval_and_ranks_overlap():
    line_a, line_b = score(make_board(BOARD, make_rules(studies=3))).standings
    for line in (line_a, line_b):
        assert line.interval.low <= line.score <= line.interval.high
    assert (line_a.rank_interval.low, line_a.rank_interval.high) == (1, 2)


def test_equal_studies_have_an_interval_of_one_point():
    board = {"a": {"w": [[10.0]] * 3}, "b": {"w": [[20.0]] * 3}}
    line = score(make_board(board, make_rules(studies=3))).standings[1]
    assert line.interval.low == line.interval.high == line.score


def test_medians_are_drawn_as_often_as_they_should_be():
    """Of three studies 1, 2, ∞ a drawn median is ∞ in 7 of 27 cases: two or three draws of it."""
    results = make_board(
        {"a": {"w": [[1.0], [2.0], [INF]]}, "b": {"w": [[8.0]] * 3}}, make_rules(studies=3)
    )
    scores = resampled_scores(results, resamples=20_000, seed=3)
    assert abs((scores[:, 0] == 0).mean() - 7 / 27) < 0.01


def test_trials_are_drawn_within_studies():
    """A study of trials 1 and ∞ has no fast trial in a quarter of the draws."""
    results = make_board(
        {"a": {"w": [[1.0, INF], [1.0, INF]]}, "b": {"w": [[2.0, 2.0]] * 2}},
        make_rules(studies=2, trials=2),
    )
    scores = resampled_scores(results, resamples=20_000, seed=3)
    assert abs((scores[:, 0] == 1).mean() - 9 / 16) < 0.015


def test_stopped_trials_count_as_missed_and_are_counted():
    results = make_board({"a": {"w": [[10.0], [12.0], [stopped(12.5)]]}}, make_rules(studies=3))
    drawn = intervals(results)
    assert drawn.censored_trials == 1
    assert drawn.scores is not None
    assert drawn.scores[0].low == 0


def test_equal_scores_share_a_rank():
    assert ranks(np.array([0.5, 0.9, 0.5, 0.1])).tolist() == [2, 1, 2, 4]


def test_times_have_intervals_by_the_same_resampling():
    results = make_board(BOARD | {"c": {"w": [[10.0], [INF], [INF]]}}, make_rules(studies=3))
    low, high = time_intervals(results, resamples=200, seed=1)
    assert low.shape == (3, 1, 2)
    assert (low[0, 0, 0], high[0, 0, 0]) == (10.0, 19.0)
    assert (low[2, 0, 0], high[2, 0, 0]) == (10.0, INF)
    assert np.isinf(low[:, 0, 1]).all()  # no variant
    assert time_intervals(make_board({"a": {"w": [[10.0]]}}, make_rules())) is None
