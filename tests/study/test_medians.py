"""Times of studies and workloads, as far as they are known."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kit.contracts.trial_id import TrialId
from kit.records.record import TrialState
from kit.scoring.trial import INFINITY
from kit.study.medians import part_times
from kit.study.owed import Attempt, Result, board_of

R, T, S, F = (
    TrialState.TARGET_REACHED,
    TrialState.OUT_OF_TIME,
    TrialState.STOPPED_EARLY,
    TrialState.FAILED,
)
PART = SimpleNamespace(base="mnist", variant=None)


def attempt(number: int, state: TrialState | None, seconds: float = 0.0) -> Attempt:
    if state is None:
        return Attempt(number, None)
    time = seconds if state is R else None
    return Attempt(number, state, Result(time, seconds, seconds + 1, "0" * 64, "folder"))


@pytest.mark.parametrize(
    ("studies", "times", "median"),
    [
        ([[(R, 3), (R, 2)], [(R, 5), (T, 9)], [(R, 4), (R, 4)]], [2, 5, 4], (4, 4)),
        ([[(R, 3), (S, 4)], [(T, 9), (F, 1)], [(T, 9), (T, 9)]], [3, None, None], None),
        ([[(S, 3), (R, 4)], [(R, 2), (R, 2)]], [(3, 4), 2], (2.5, 3)),
        ([[(R, 3), ()], [(R, 2), (R, 2)], [(R, 1), (R, 1)]], [(0, 3), 2, 1], (1, 2)),
        ([[(None,), (None,)], [(R, 2), (R, 2)]], [(0, INFINITY), 2], (1, INFINITY)),
    ],
)
def test_minimum_over_trials_and_median_over_studies(studies, times, median) -> None:
    trial_ids, attempts = [], {}
    for study, trials in enumerate(studies, start=1):
        for trial, told in enumerate(trials, start=1):
            trial_ids.append(TrialId("sprint", "mine", "mnist", None, study, trial))
            attempts[trial_ids[-1]] = [attempt(1, *told)] if told else []
    assignment = SimpleNamespace(parts=(PART,), trials=2, trials_of=lambda part: iter(trial_ids))
    (found,) = part_times(assignment, board_of(trial_ids, attempts, 2))  # type: ignore[arg-type]

    def bounds(value: object) -> tuple[float, float]:
        if value is None:
            return (INFINITY, INFINITY)
        return value if isinstance(value, tuple) else (value, value)  # type: ignore[return-value]

    assert [(o.lowest, o.highest) for o in found.studies] == [bounds(t) for t in times]
    assert (found.median.lowest, found.median.highest) == bounds(median)


def test_a_trial_that_was_given_up_is_a_miss() -> None:
    trial_id = TrialId("sprint", "mine", "mnist", None, 1, 1)
    board = board_of([trial_id], {trial_id: [attempt(1, None), attempt(2, None)]}, 2)
    assignment = SimpleNamespace(parts=(PART,), trials=1, trials_of=lambda part: iter([trial_id]))
    (found,) = part_times(assignment, board)  # type: ignore[arg-type]
    assert found.median.lowest == INFINITY
