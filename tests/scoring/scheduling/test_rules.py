"""Each rule on a board that is small enough to check by hand."""

from __future__ import annotations

import pytest

from kit.contracts.trial_id import TrialId
from kit.scoring.scheduling.decision import Done, Run, next_decision, running_decision
from kit.scoring.scheduling.knowledge import Situation
from kit.scoring.scheduling.limits import Rule
from tests.scoring.boards import INF, make_board, make_rules, stopped


def trial_id(text: str) -> TrialId:
    """Return a trial_id from "a w 1 2" or, for the variant v, "a w_v 1 2"."""
    submission, label, study, trial = text.split()
    base, _, variant = label.partition("_")
    return TrialId("example", submission, base, variant or None, int(study), int(trial))


def decide(board, text, *, scheduled=None, closed=True, running=None, **rules) -> Run:
    results = make_board(board, make_rules(["w"], **rules))
    situation = Situation(results, scheduled or tuple(board), running or {}, closed)
    return running_decision(situation, trial_id(text))


def expect(run, seconds, rule, *evidence):
    assert (run.stop_after_seconds, run.rule) == (seconds, rule)
    for text in evidence:
        assert trial_id(text) in run.evidence, text


def just_beyond(seconds):
    return pytest.approx(seconds, rel=1e-12)


def test_first_trial_of_all_runs_to_its_budget():
    assert decide({"a": {}}, "a w 1 1", studies=3, trials=2) == Run(
        trial_id("a w 1 1"), None, None, ()
    )


def test_slower_than_the_studys_best():
    run = decide({"a": {"w": [[10.0, None]]}}, "a w 1 2", trials=2)
    expect(run, 10.0, Rule.STUDY_BEST, "a w 1 1")


def test_slower_than_the_median_already_secured():
    run = decide({"a": {"w": [[10.0], [12.0], [None]]}}, "a w 3 1", studies=3)
    expect(run, 12.0, Rule.MEDIAN_SECURED, "a w 1 1", "a w 2 1")
    assert len(run.evidence) == 2


def test_median_of_two_studies_is_never_secured_by_one():
    assert decide({"a": {"w": [[10.0], [None]]}}, "a w 2 1", studies=2).rule is None


def test_median_of_four_studies_is_secured_by_three():
    run = decide({"a": {"w": [[10.0], [12.0], [14.0], [None]]}}, "a w 4 1", studies=4)
    expect(run, 14.0, Rule.MEDIAN_SECURED)


def test_majority_of_studies_is_lost():
    run = decide({"a": {"w": [[INF], [INF], [None]]}}, "a w 3 1", studies=3)
    expect(run, 0.0, Rule.MAJORITY_LOST, "a w 1 1", "a w 2 1")


def test_one_of_two_studies_lost_is_enough_for_an_even_number():
    run = decide({"a": {"w": [[INF], [None]]}}, "a w 2 1", studies=2)
    expect(run, 0.0, Rule.MAJORITY_LOST)


def test_study_below_the_lower_deciding_one_is_needless():
    board = {"a": {"w": [[20.0, 25.0], [18.0, 30.0], [9.0, None]]}}
    run = decide(board, "a w 3 2", studies=3, trials=2)
    expect(run, 0.0, Rule.MEDIAN_DECIDED, "a w 3 1", "a w 1 1", "a w 2 1")


def test_study_above_a_deciding_one_that_is_still_open_is_not_needless():
    board = {"a": {"w": [[20.0, 25.0], [18.0, None], [9.0, None]]}}
    run = decide(board, "a w 3 2", studies=3, trials=2)
    expect(run, 9.0, Rule.STUDY_BEST)


def test_variant_is_needless_once_its_base_is_lost():
    run = decide({"a": {"w": [[INF]]}}, "a w_v 1 1", held_out={"w": "v"})
    expect(run, 0.0, Rule.BASE_LOST, "a w 1 1")


def test_base_is_needless_once_its_variant_is_lost():
    run = decide({"a": {"w_v": [[INF]]}}, "a w 1 1", held_out={"w": "v"})
    expect(run, 0.0, Rule.VARIANT_LOST, "a w_v 1 1")


@pytest.mark.parametrize("closed", [True, False])
def test_beyond_the_cut_off(closed):
    run = decide({"a": {"w": [[10.0]]}, "b": {}}, "b w 1 1", closed=closed)
    expect(run, just_beyond(40.0), Rule.CUT_OFF, "a w 1 1")
    assert run.stop_after_seconds > 40.0  # a time of exactly r_max times the fastest counts


def test_cut_off_of_a_mean_of_two_studies_needs_more_of_the_second():
    """With 30 in the first study, the second must be beyond 50 for a mean beyond 40."""
    board = {"a": {"w": [[10.0], [10.0]]}, "b": {"w": [[30.0], [None]]}}
    run = decide(board, "b w 2 1", studies=2)
    expect(run, just_beyond(50.0), Rule.CUT_OFF)
    assert (30.0 + run.stop_after_seconds) / 2 > 40.0


def test_limits_hold_after_rounding():
    """Divided or doubled and back, these numbers come out one digit too small."""
    board = {"a": {"w": [[5.4], [5.4]]}, "b": {"w": [[10.3], [None]]}}
    run = decide(board, "b w 2 1", studies=2)
    assert (10.3 + run.stop_after_seconds) / 2 > 4 * 5.4
    board = {"a": {"w": [[10.0, INF]], "w_v": [[6.7, 50.0]]},
             "b": {"w": [[9.0, INF]], "w_v": [[7.0, None]]}}  # fmt: skip
    run = decide(board, "b w_v 1 2", held_out={"w": "v"}, trials=2, r_max=3.3)
    assert run.rule is Rule.VARIANT_PASSED
    assert 3.3 * run.stop_after_seconds >= 6.7


def test_no_cut_off_while_the_rivals_variant_may_still_be_missed():
    board = {"a": {"w": [[10.0]]}, "b": {}}
    assert decide(board, "b w 1 1", held_out={"w": "v"}).rule is None
    board["a"]["w_v"] = [[30.0]]
    run = decide(board, "b w 1 1", held_out={"w": "v"})
    expect(run, just_beyond(40.0), Rule.CUT_OFF, "a w 1 1", "a w_v 1 1")


def test_variant_is_needless_once_its_base_is_cut_off():
    board = {"a": {"w": [[10.0]], "w_v": [[30.0]]}, "b": {"w": [[stopped(40.5)]]}}
    run = decide(board, "b w_v 1 1", held_out={"w": "v"})
    expect(run, 0.0, Rule.CUT_OFF, "a w 1 1", "b w 1 1")


def test_beyond_the_cut_off_on_the_variant():
    board = {"a": {"w": [[10.0]], "w_v": [[30.0]]}, "b": {"w": [[11.0]]}}
    run = decide(board, "b w_v 1 1", held_out={"w": "v"})
    expect(run, just_beyond(120.0), Rule.VARIANT_CUT_OFF, "a w 1 1", "a w_v 1 1", "b w 1 1")


def test_the_fastest_on_the_base_has_no_cut_off_on_the_variant():
    """Whether it reaches the variant decides how fast the fastest base time is."""
    board = {"a": {"w": [[10.0]], "w_v": [[30.0]]}, "b": {"w": [[9.0]]}}
    assert decide(board, "b w_v 1 1", held_out={"w": "v"}).rule is None


def test_no_cut_off_on_the_variant_while_others_may_come():
    """One who comes later may cut off the rival on the base workload."""
    board = {"a": {"w": [[10.0]], "w_v": [[30.0]]}, "b": {"w": [[11.0]]}}
    assert decide(board, "b w_v 1 1", closed=False, held_out={"w": "v"}).rule is None


def test_no_cut_off_on_the_variant_by_a_rival_who_may_be_cut_off_on_the_base():
    """C may still be more than four times as fast as A on the base, and A then decides nothing."""
    board = {"a": {"w": [[10.0]], "w_v": [[30.0]]}, "b": {"w": [[11.0]]}, "c": {}}
    assert decide(board, "b w_v 1 1", held_out={"w": "v"}).rule is None
    board["c"]["w"] = [[INF]]
    expect(decide(board, "b w_v 1 1", held_out={"w": "v"}), just_beyond(120.0),
           Rule.VARIANT_CUT_OFF, "c w 1 1")  # fmt: skip


PASSING = {
    "a": {"w": [[10.0, INF]], "w_v": [[30.0, 50.0]]},
    "b": {"w": [[9.0, INF]], "w_v": [[28.0, None]]},
}


def test_gate_of_the_variant_is_decided():
    """B passes with 28 at most; below 30/4 it would cut off A."""
    run = decide(PASSING, "b w_v 1 2", held_out={"w": "v"}, trials=2)
    expect(run, 7.5, Rule.VARIANT_PASSED, "b w_v 1 1", "a w_v 1 1")


def test_gate_of_the_variant_is_open_while_a_rival_may_turn_out_fast():
    board = {**PASSING, "c": {"w": [[10.0, INF]], "w_v": [[None, 40.0]]}}
    run = decide(board, "b w_v 1 2", held_out={"w": "v"}, trials=2)
    expect(run, 28.0, Rule.STUDY_BEST)


def test_gate_of_the_variant_is_open_while_it_may_be_missed():
    board = {**PASSING, "b": {"w": [[9.0, INF]], "w_v": [[INF, None]]}}
    assert decide(board, "b w_v 1 2", held_out={"w": "v"}, trials=2).rule is None


def test_gate_of_the_variant_is_decided_for_rivals_who_fail_it_anyway():
    """C fails by A's 30 already, so that B need not run until 130/4."""
    slow = {"w": [[9.5, INF]], "w_v": [[130.0, 130.0]]}
    board = {**PASSING, "b": {"w": [[9.0, INF]], "w_v": [[60.0, None]]}, "c": slow}
    run = decide(board, "b w_v 1 2", held_out={"w": "v"}, trials=2)
    expect(run, 7.5, Rule.VARIANT_PASSED)


def test_gate_of_the_variant_is_open_while_others_may_come():
    run = decide(PASSING, "b w_v 1 2", closed=False, held_out={"w": "v"}, trials=2)
    expect(run, 28.0, Rule.STUDY_BEST)


def test_limit_beyond_the_budget_is_none():
    run = decide({"a": {"w": [[400.0]]}, "b": {}}, "b w 1 1")
    assert (run.stop_after_seconds, run.rule, run.evidence) == (None, None, ())


@pytest.mark.parametrize(("closed", "rule"), [(True, Rule.CUT_OFF), (False, None)])
def test_missing_trials_of_a_rival_are_missed_only_in_a_closed_field(closed, rule):
    board = {"a": {"w": [[None], [None], [10.0]]}, "b": {"w": [[20.0], [20.0], [20.0]]},
             "c": {}}  # fmt: skip
    run = decide(board, "c w 1 1", scheduled=("c",), closed=closed, studies=3)
    expect(run, just_beyond(80.0), Rule.CUT_OFF, "b w 1 1", "b w 2 1")
    lost = decide(board, "a w 1 1", scheduled=("c",), closed=closed, studies=3)
    assert (lost.rule is Rule.MAJORITY_LOST) == closed


def test_time_so_far_of_a_running_trial_counts():
    """Two studies that have run beyond the cut-off prove that the third is needless."""
    board = {"a": {"w": [[10.0]] * 3}, "b": {}}
    running = {trial_id(f"b w {study} 1"): 41.0 for study in (1, 2)}
    expect(decide(board, "b w 3 1", running=running, studies=3), 0.0, Rule.CUT_OFF)


def test_stopped_result_says_why():
    run = decide({"a": {"w": [[10.0, None]]}}, "a w 1 2", trials=2)
    result = run.stopped(10.5)
    assert result.state == "stopped_early"
    assert (result.outcome.lowest, result.outcome.highest) == (10.5, INF)
    assert result.outcome.reasons == ("slower than the study's best",)
    with pytest.raises(ValueError, match="may not stop at 9"):
        run.stopped(9.0)


def test_nothing_is_left_when_every_trial_has_ended_or_runs():
    results = make_board({"a": {"w": [[10.0, None]]}}, make_rules(trials=2))
    last = next_decision(Situation(results, ("a",)))
    assert isinstance(last, Run)
    assert last.id == trial_id("a w 1 2")
    assert next_decision(Situation(results, ("a",), {last.id: 3.0})) == Done()
