"""Leaderboards whose scores were computed by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.scoring.leaderboard import score, scores_under
from kit.scoring.rules import ALGOPERF_SCORER
from tests.scoring.boards import make_board, make_rules

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases.yaml").read_text(encoding="utf-8")
)
THEIR_GATES = replace(ALGOPERF_SCORER, exact_integral=True)


def results_of(case):
    rules = make_rules(
        case.get("bases", ["w"]),
        case.get("held_out"),
        studies=case.get("studies", 1),
        trials=case.get("trials", 1),
    )
    return make_board(case["times"], rules)


def fractions(scores):
    return {name: pytest.approx(float(Fraction(text))) for name, text in scores.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_score_is_the_one_computed_by_hand(case):
    board = score(results_of(case), resamples=0)
    assert {line.submission: line.score for line in board.standings} == fractions(case["expected"])
    for line in board.standings:
        for workload, fate in case.get("fates", {}).get(line.submission, {}).items():
            assert line.workloads[workload].fate.name.lower() == fate


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_score_of_the_reference_scorer(case):
    expected = case.get("compat", case["expected"])
    assert scores_under(results_of(case), THEIR_GATES) == fractions(expected)
