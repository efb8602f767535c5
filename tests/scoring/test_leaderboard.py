"""Standings: order, speedups, times."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from kit.rules.ruleset import load_ruleset
from kit.scoring.leaderboard import score
from kit.scoring.rules import scoring_rules
from tests.scoring.boards import INF, make_board, make_rules

RULES = make_rules(["w", "x", "y"])
BOARD = {
    "a": {"w": [[10.0]], "x": [[10.0]], "y": [[INF]]},
    "b": {"w": [[20.0]], "x": [[80.0]], "y": [[INF]]},
    "c": {"w": [[INF]], "x": [[INF]], "y": [[7.0]]},
}


def by_name(board):
    return {line.submission: line for line in board.standings}


def test_speedup_is_over_workloads_that_both_reached():
    lines = by_name(score(make_board(BOARD, RULES), reference="b"))
    assert lines["a"].speedup.factor == pytest.approx(
        math.sqrt(2 * 8)
    )  # cut off, reached all the same
    assert lines["a"].speedup.workloads == 2
    assert (lines["b"].speedup.factor, lines["b"].speedup.workloads) == (1.0, 2)
    assert (lines["c"].speedup.factor, lines["c"].speedup.workloads) == (None, 0)


def test_without_a_reference_there_is_no_speedup():
    assert score(make_board(BOARD, RULES)).standings[0].speedup is None


def test_equal_scores_share_a_rank_and_stand_in_order_of_name():
    board = {"z": {"w": [[10.0]]}, "a": {"w": [[10.0]]}, "m": {"w": [[20.0]]}}
    lines = score(make_board(board, make_rules())).standings
    assert [(line.rank, line.submission) for line in lines] == [(1, "a"), (1, "z"), (3, "m")]


def test_nobody_takes_part():
    assert score(make_board({}, make_rules())).standings == ()


def test_self_tuning_has_studies_of_one_trial_and_a_longer_budget():
    ruleset = load_ruleset("algoperf-0.5")
    external = scoring_rules(ruleset, tuning="external")
    own = scoring_rules(ruleset, tuning="self-tuning")
    assert (external.studies, external.trials, own.studies, own.trials) == (5, 5, 5, 1)
    key = ("wmt", None)
    assert own.goals[key].budget_seconds == 3 * external.goals[key].budget_seconds
    assert own.held_out == external.held_out == ruleset.held_out.published_choice


def test_workloads_for_development_are_not_scored():
    rules = scoring_rules(load_ruleset("mini"), tuning="external")
    assert "mnist" not in rules.bases
    assert rules.held_out == {}


def test_scoring_loads_no_framework():
    program = (
        "import sys, kit.scoring.leaderboard, kit.scoring.reading.load, kit.cli.score_data;"
        "assert not {'tensorflow', 'keras', 'jax', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
