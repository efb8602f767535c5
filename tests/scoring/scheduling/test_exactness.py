"""Stopping early changes no score, to the last digit: random competitions, run by the schedule."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.scoring.censoring import require_decided
from kit.scoring.leaderboard import scores_under
from kit.scoring.rules import WRITTEN_RULES
from kit.scoring.scheduling.decision import running_decision
from kit.scoring.scheduling.replay import SCHEDULE, STEPS, replay
from kit.scoring.scheduling.savings import Field, measure
from tests.scoring.scheduling.competition import compete, random_competition, random_shape


def check(complete, replayed):
    require_decided(replayed)
    assert scores_under(replayed, WRITTEN_RULES) == scores_under(complete, WRITTEN_RULES)


def drawn(seed):
    dice = random.Random(seed)
    return dice, random_competition(dice, random_shape(dice))


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_all_submissions_scheduled_together(seed, lanes):
    _, complete = drawn(seed)
    check(complete, compete(complete, complete.submissions, lanes=lanes))


@given(SEEDS, st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_one_submission_against_known_results(seed, lanes):
    dice, complete = drawn(seed)
    chosen = [dice.choice(complete.submissions)]
    check(complete, compete(complete, chosen, lanes=lanes))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_one_submission_whatever_rivals_come(seed):
    """Every submission by itself knows nothing of the others; then all are scored together."""
    _, complete = drawn(seed)
    together = {}
    for name in complete.submissions:
        alone = compete(complete, [name], field_closed=False, rivals_known=False)
        together |= {
            trial_id: t for trial_id, t in alone.trials.items() if trial_id.submission == name
        }
    check(complete, replace(complete, trials=together))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_known_results_in_a_field_that_is_open(seed):
    """Some rivals are known, others come later."""
    dice, complete = drawn(seed)
    names = list(complete.submissions)
    later = dice.sample(names, dice.randint(0, len(names) - 1))
    present = {n: 1 for n in names if n not in later}
    trials = {
        trial_id: t for trial_id, t in complete.trials.items() if trial_id.submission in present
    }
    early = replace(complete, trials=trials, first_study=present, first_trial=present)
    ran = compete(early, [dice.choice(list(present))], field_closed=False)
    check(complete, replace(complete, trials={**complete.trials, **ran.trials}))


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_decisions_follow_from_their_evidence_alone(seed):
    """Forget all results that a decision does not name: its limit follows, or an earlier one."""
    _, complete = drawn(seed)

    def watch(situation, run):
        if run.stop_after_seconds is None:
            return
        trials = situation.results.trials
        named = {trial_id: trials[trial_id] for trial_id in run.evidence}
        results = replace(situation.results, trials=named)
        again = running_decision(replace(situation, results=results), run.id)
        assert again.stop_after_seconds is not None, run
        assert again.stop_after_seconds <= run.stop_after_seconds, run

    compete(complete, complete.submissions, watch=watch)


@given(SEEDS, st.sampled_from(STEPS))
@settings(max_examples=100, deadline=None)
def test_every_step_of_a_replay(seed, strategy):
    _, complete = drawn(seed)
    check(complete, replay(complete, strategy).results)


@given(SEEDS, st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_savings_compare_scores_under_every_assumption(seed, alone, rivals_known):
    dice, complete = drawn(seed)
    names = sorted(dice.sample(complete.submissions, dice.randint(1, len(complete.submissions))))
    savings = measure(Field(complete, tuple(names), alone, rivals_known), STEPS[-2:])
    assert savings.identical
    assert savings.scores == savings.steps[-1].scores
    assert (savings.steps[-1].seconds <= savings.full).all()


@pytest.mark.slow
def test_many_competitions():
    for seed in range(2_000):
        dice, complete = drawn(seed)
        some = dice.sample(complete.submissions, dice.randint(1, len(complete.submissions)))
        check(complete, replay(complete, SCHEDULE).results)
        check(complete, replay(complete, SCHEDULE, scheduled=some).results)
