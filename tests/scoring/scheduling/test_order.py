"""Which trial comes next."""

from __future__ import annotations

from kit.contracts.trial_id import TrialId
from kit.scoring.scheduling.decision import Run, next_decision
from kit.scoring.scheduling.knowledge import Situation
from tests.scoring.boards import INF, make_board, make_rules, stopped


def following(board, running=(), **rules):
    """Return the next trial_id as text."""
    results = make_board(board, make_rules(**rules))
    decision = next_decision(Situation(results, tuple(board), dict.fromkeys(running, 1.0), True))
    assert isinstance(decision, Run)
    trial_id = decision.id
    return f"{trial_id.submission} {trial_id.label} {trial_id.study} {trial_id.trial}"


def test_base_of_every_submission_comes_before_any_variant():
    rules = {"held_out": {"w": "v"}}
    assert following({"a": {"w": [[5.0]]}, "b": {}}, **rules) == "b w 1 1"
    assert following({"a": {"w": [[5.0]]}, "b": {"w": [[4.0]]}}, **rules) == "b w_v 1 1"


def test_submission_that_was_fast_elsewhere_comes_first():
    rules = {"bases": ["w", "x"]}
    assert following({"a": {"w": [[9.0]]}, "b": {"w": [[4.0]]}}, **rules) == "b x 1 1"
    assert following({"a": {"w": [[4.0]]}, "b": {"w": [[9.0]]}}, **rules) == "a x 1 1"


def test_study_goes_on_until_a_trial_reaches_the_target():
    assert following({"a": {"w": [[INF, None]]}}, studies=2, trials=2) == "a w 1 2"


def test_then_every_study_is_probed_with_the_number_that_was_fastest():
    board = {"a": {"w": [[INF, 7.0, None]]}}
    assert following(board, studies=3, trials=3) == "a w 2 2"


def test_then_the_slowest_study_is_completed_first():
    board = {"a": {"w": [[5.0, None], [9.0, None], [7.0, None]]}}
    assert following(board, studies=3, trials=2) == "a w 2 2"


def test_number_that_never_ran_comes_before_one_that_failed():
    board = {"a": {"w": [[stopped(3.0), 7.0, None], [None, 8.0, None]]}}
    assert following(board, studies=2, trials=3) == "a w 2 3"


def test_running_trials_are_not_started_again():
    assert following({"a": {}}, [TrialId("example", "a", "w", None, 1, 1)], studies=2) == "a w 2 1"
