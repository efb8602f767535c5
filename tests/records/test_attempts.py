"""Which attempt at a trial counts, and which are used up."""

from __future__ import annotations

import pytest

from kit.records.attempts import Ruling, Tried, rule_on
from kit.records.record import TrialState

REACHED, FAILED = TrialState.TARGET_REACHED, TrialState.FAILED
INTERRUPTED, STOPPED = TrialState.INTERRUPTED, TrialState.STOPPED_EARLY
CASES = {
    "no attempt": ([], Ruling(None, (), 0)),
    "a result": ([(REACHED, True)], Ruling(0, (), 1)),
    "a second result": ([(FAILED, True), (REACHED, True)], Ruling(0, (), 1)),
    "interrupted once": ([(INTERRUPTED, True), (REACHED, True)], Ruling(1, (), 2)),
    "interrupted twice": ([(None, True), (INTERRUPTED, True)], Ruling(None, (), 2)),
    "too late": ([(None, True), (INTERRUPTED, True), (REACHED, True)], Ruling(None, (), 3)),
    "in set-up": ([(None, False), (INTERRUPTED, False), (REACHED, True)], Ruling(2, (), 1)),
    "in set-up only": ([(None, False)] * 5, Ruling(None, (), 0)),
    "both": ([(None, False), (None, True), (None, False), (REACHED, True)], Ruling(3, (), 2)),
    "failed in set-up": ([(FAILED, False), (REACHED, True)], Ruling(0, (), 1)),
    "stopped": ([(STOPPED, True)], Ruling(0, (0,), 0)),
    "left out": ([(STOPPED, False), (REACHED, True)], Ruling(1, (0,), 1)),
    "stopped and lost": ([(STOPPED, True), (None, True), (None, True)], Ruling(None, (0,), 2)),
    "stopped, then set-up": ([(STOPPED, True), (None, False)], Ruling(0, (0,), 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_attempt_that_counts(case: str) -> None:
    attempts, expected = CASES[case]
    tried = [Tried(number, *how) for number, how in enumerate(attempts, start=1)]
    assert rule_on(tried, max_attempts=2) == expected


def test_numbers_that_are_not_there_were_used_up() -> None:
    assert rule_on([Tried(3, REACHED, True)], max_attempts=2).deciding is None
    assert rule_on([Tried(2, REACHED, True)], max_attempts=2).deciding == 0
