"""Trials that were stopped early: used where they cannot matter, refused where they can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import KitError
from kit.scoring.censoring import UndecidedScore, require_decided, score_bounds
from kit.scoring.leaderboard import score
from kit.scoring.results import with_outcomes
from tests.scoring.boards import INF, make_board, make_rules, make_trial, stopped


def scores(results):
    return {line.submission: line.score for line in score(results, resamples=0).standings}


@pytest.mark.parametrize(
    ("name", "rules", "board"),
    [
        ("slower than the study's best", {"trials": 2}, {"a": {"w": [[10.0, stopped(10.5)]]}}),
        (
            "slower than the median already secured",
            {"studies": 3},
            {"a": {"w": [[10.0], [12.0], [stopped(12.5)]]}},
        ),
        (
            "beyond the cut-off",
            {},
            {"a": {"w": [[10.0]]}, "b": {"w": [[stopped(40.5)]]}},
        ),
        (
            "the majority of studies is lost",
            {"studies": 3},
            {"a": {"w": [[INF], [INF], [stopped(1.0)]]}, "b": {"w": [[5.0]] * 3}},
        ),
        (
            "the base was lost, so its variant does not count",
            {"held_out": {"w": "v"}},
            {"a": {"w": [[INF]], "w_v": [[stopped(1.0)]]}, "b": {"w": [[5.0]], "w_v": [[5.0]]}},
        ),
    ],
)  # fmt: skip
def test_trial_that_cannot_matter_is_used(name, rules, board):
    results = make_board(board, make_rules(**{"bases": ["w"], **rules}))
    assert results.censored(), name
    bounds = score_bounds(results)
    assert bounds.is_exact.all()
    expected = dict(zip(results.submissions, bounds.lowest, strict=True))
    assert scores(results) == pytest.approx(expected)


def test_trial_that_can_matter_is_named():
    results = make_board({"a": {"w": [[10.0]]}, "b": {"w": [[stopped(30.0)]]}}, make_rules())
    with pytest.raises(UndecidedScore) as caught:
        score(results)
    assert isinstance(caught.value, KitError)
    assert str(caught.value) == (
        "The scores of b depend on trials that were stopped early. Resume: b, w, study 1, trial 1 "
        "(stopped at 30 s because slower than the study's best)."
    )


def test_missing_trial_that_opens_the_question_is_named():
    """The study's best is gone, so a trial that was stopped beside it matters."""
    results = make_board({"a": {"w": [[stopped(30.0)]]}}, make_rules(trials=2))
    with pytest.raises(UndecidedScore) as caught:
        score(results)
    assert str(caught.value).endswith(
        " Missing beside them, and counted as missed: a, w, study 1, trial 2."
    )


def test_rival_that_is_disqualified_later_reopens_a_stopped_trial():
    """B was stopped beyond A's cut-off; then A missed the variant."""
    rules = make_rules(held_out={"w": "v"})
    b = {"w": [[stopped(41.0)]], "w_v": [[5.0]]}
    fine = make_board({"a": {"w": [[10.0]], "w_v": [[5.0]]}, "b": b}, rules)
    assert scores(fine) == {"a": 1.0, "b": 0.0}
    disqualified = make_board({"a": {"w": [[10.0]], "w_v": [[INF]]}, "b": b}, rules)
    with pytest.raises(UndecidedScore, match="Resume: b, w, study 1, trial 1"):
        score(disqualified)


def test_only_trials_that_matter_are_named():
    """The second workload is open too, and decided: its trial is beyond the cut-off."""
    rules = make_rules(["w", "x"], trials=2)
    board = {
        "a": {"w": [[10.0, stopped(20.0)]], "x": [[10.0, 50.0]]},
        "b": {"w": [[stopped(20.0), stopped(30.0)]], "x": [[stopped(90.0), INF]]},
    }
    with pytest.raises(UndecidedScore) as caught:
        require_decided(make_board(board, rules))
    named = [(trial.id.submission, trial.id.label) for trial in caught.value.trials]
    assert named == [("b", "w"), ("b", "w")]


TIMES = st.sampled_from([1.0, 2.0, 3.0, 5.0, 9.0, 20.0, INF])
TRIALS = st.one_of(TIMES, TIMES.filter(np.isfinite).map(stopped), st.none())


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_accepted_scores_hold_for_every_continuation(data):
    rules = make_rules(["w", "x"], {"w": "v"}, studies=2, trials=1)
    study = st.lists(TRIALS, min_size=1, max_size=1)
    labels = {label: st.lists(study, min_size=2, max_size=2) for label in ("w", "w_v", "x")}
    names = st.sampled_from([("a",), ("a", "b"), ("a", "b", "c")])
    board = {name: data.draw(st.fixed_dictionaries(labels)) for name in data.draw(names)}
    results = make_board(board, rules)
    try:
        accepted = scores(results)
    except UndecidedScore:
        return
    for _ in range(5):
        continued = {}
        for trial in results.censored():
            later = data.draw(TIMES.filter(lambda t, low=trial.outcome.lowest: t >= low))
            continued[trial.id] = make_trial(trial.id, later)
        assert scores(with_outcomes(results, continued)) == accepted
