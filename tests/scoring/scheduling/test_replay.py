"""Replays: what counts as hours, and the log of the 0.5 competition."""

from __future__ import annotations

import numpy as np
import pytest

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.scoring.censoring import require_decided
from kit.scoring.leaderboard import scores_under
from kit.scoring.rules import WRITTEN_RULES
from kit.scoring.scheduling.limits import Rule
from kit.scoring.scheduling.oracle import oracle_seconds, proof_seconds
from kit.scoring.scheduling.replay import SCHEDULE, STEPS, full_seconds, replay
from kit.scoring.scheduling.savings import Field, measure
from kit.scoring.trial import Goal, judge
from tests.scoring import golden
from tests.scoring.boards import INF, make_board, make_rules, stopped


def test_trial_costs_its_time_to_the_target_or_to_its_end_within_the_budget():
    rules = make_rules(trials=4)
    results = make_board({"a": {"w": [[1.0, 1.0, 1.0, 1.0]]}}, rules)
    goal = Goal(Target(metric="accuracy", higher_is_better=True, validation=0.9), 100.0)
    rules.goals["w", None] = goal
    curves = [([10, 50, 90], [0, 0.95, 0.95]), ([10, 50], [0, 0]), ([10, 500], [0, 0]), ([], [])]
    for number, (seconds, values) in enumerate(curves, 1):
        trial_id = TrialId("example", "a", "w", None, 1, number)
        results.trials[trial_id] = judge(trial_id, seconds, values, goal)
    assert list(full_seconds(results).values()) == [50, 50, 100, 0]


def test_only_what_is_needed_runs():
    complete = make_board({"a": {"w": [[10.0, 30.0], [20.0, 25.0], [12.0, 9.0]]}},
                          make_rules(studies=3, trials=2))  # fmt: skip
    ran = replay(complete)
    # The first trial of every study: 10, 20, 12, so the median is 12 at most. Study 2 runs until
    # 12, study 3 until its best, 12, and finds 9; so study 1 may be the median, and runs until 10.
    expected = {(1, 1): 10.0, (2, 1): 20.0, (3, 1): 12.0, (2, 2): 12.0, (3, 2): 9.0, (1, 2): 10.0}
    found = {(trial_id.study, trial_id.trial): seconds for trial_id, seconds in ran.seconds.items()}
    assert list(found.items()) == list(expected.items())
    require_decided(ran.results)
    assert sum(ran.seconds.values()) < sum(full_seconds(complete).values())


def test_missing_trials_cost_nothing_and_stay_missing():
    complete = make_board({"a": {"w": [[None, 30.0]]}}, make_rules(trials=2))
    ran = replay(complete)
    assert ran.results.trials == complete.trials
    assert list(ran.seconds.values()) == [30.0]


def test_stopped_trials_cannot_be_replayed():
    complete = make_board({"a": {"w": [[stopped(3.0)]]}}, make_rules())
    with pytest.raises(UsageError, match="a, w, study 1, trial 1 was stopped early"):
        replay(complete)


@pytest.mark.parametrize(
    ("times", "limit", "needed"),
    [
        ([[10.0], [20.0], [30.0]], INF, 10 + 20 + 20),  # below, at, above the median
        ([[10.0, 50.0], [20.0, 50.0], [30.0, 50.0]], INF, 10 + 2 * 20 + 2 * 20),
        ([[INF], [INF], [10.0]], INF, 100 + 100),
        ([[10.0], [20.0], [30.0]], 15.0, 15 + 15),  # beyond the cut-off
    ],
)
def test_what_an_oracle_needs_for_a_median(times, limit, needed):
    times = np.array(times)
    seconds = np.where(np.isfinite(times), times, 100.0)
    assert proof_seconds(times, seconds, limit=limit) == pytest.approx(needed)


def test_oracle_proves_a_loss_on_the_cheaper_side():
    times = np.array([INF, INF]).reshape(1, 1, 2, 1, 1)
    seconds = np.array([500.0, 80.0]).reshape(times.shape)
    assert oracle_seconds(times, seconds, (True,), 4.0).tolist() == [[80.0]]


def test_competition_needs_half_of_its_hours_and_scores_the_same():
    complete = golden.results()
    hours = sum(full_seconds(complete).values())
    scores = scores_under(complete, WRITTEN_RULES)
    shares = []
    for strategy in (*STEPS[:3], SCHEDULE):
        ran = replay(complete, strategy)
        require_decided(ran.results)
        assert scores_under(ran.results, WRITTEN_RULES) == scores
        shares.append(round(sum(ran.seconds.values()) / hours, 4))
    assert shares == [0.7532, 0.6848, 0.6613, 0.5069]
    assert set(ran.stops) == set(Rule) - {Rule.VARIANT_LOST}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("alone", "known", "share"),
    [(False, False, 0.5069), (True, False, 0.5412), (True, True, 0.4673)],
)
def test_competition_under_every_assumption(alone, known, share):
    complete = golden.results()
    savings = measure(Field(complete, complete.submissions, alone, known))
    assert savings.identical
    assert round(savings.steps[-1].seconds.sum() / savings.full.sum(), 4) == share
    assert round(savings.oracle.sum() / savings.full.sum(), 4) == 0.4538
