"""Trials in their places: what is owed, what is there twice, what does not exist."""

from __future__ import annotations

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.scoring.results import MissingTrials, collect
from tests.scoring.boards import INF, make_board, make_rules, make_trial


def test_missing_trials_and_studies_are_listed():
    rules = make_rules(["w"], {"w": "v"}, studies=2, trials=2)
    results = make_board({"a": {"w": [[1, None], [1, 2]], "w_v": [[1, 2]]}}, rules)
    assert results.missing() == [
        MissingTrials("a", "w", 1, (2,), whole_study=False),
        MissingTrials("a", "w_v", 2, (1, 2), whole_study=True),
    ]


def test_submission_without_any_trial_takes_part():
    results = make_board({"a": {"w": [[1]]}, "b": {}}, make_rules())
    assert results.submissions == ("a", "b")
    assert results.times().highest[1].tolist() == [[[[INF]], [[INF]]]]


def test_studies_may_count_from_zero():
    rules = make_rules(studies=2)
    trials = [make_trial(TrialId("example", "a", "w", None, study, 1), 5.0) for study in (0, 1)]
    results = collect(trials, rules)
    assert results.missing() == []
    assert results.times().highest[0, 0, 0].tolist() == [[5.0], [5.0]]


@pytest.mark.parametrize(("study", "trial", "word"), [(3, 1, "study"), (1, 3, "trial")])
def test_study_or_trial_beyond_the_rules_is_refused(study, trial, word):
    with pytest.raises(UsageError, match=f"there is no such {word}: ruleset example has 2 studies"):
        collect(
            [make_trial(TrialId("example", "a", "w", None, study, trial), 5.0)],
            make_rules(studies=2, trials=2),
        )


def test_duplicate_trial_is_refused():
    trial = make_trial(TrialId("example", "a", "w", None, 1, 1), 5.0)
    with pytest.raises(UsageError, match="The same trial is there twice: a, w, study 1, trial 1"):
        collect([trial, trial], make_rules())


def test_workloads_that_do_not_count_are_left_out():
    rules = make_rules(["w"], {"w": "v"})
    trials = [
        make_trial(TrialId("example", "a", "w", "other", 1, 1), 5.0),
        make_trial(TrialId("example", "a", "mnist", None, 1, 1), 5.0),
    ]
    assert collect(trials, rules).trials == {}
