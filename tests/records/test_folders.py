"""Where records lie, and that a trial runs once at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import TrialError
from kit.records.folders import (
    attempt_folder,
    attempt_folders,
    locked,
    only_run_at,
)

TRIAL = TrialId("mini", "nadamw", "mnist", None, 1, 2)


def test_later_attempts_have_folders_of_their_own(tmp_path: Path) -> None:
    first = tmp_path / TRIAL.folder
    assert first.relative_to(tmp_path) == Path("mini/nadamw/mnist/study_1/trial_2")
    assert attempt_folder(first, 1) == first
    third = attempt_folder(first, 3)
    assert third.name == "trial_2_attempt_3"
    third.mkdir(parents=True)
    attempt_folder(tmp_path / replace(TRIAL, trial=21).folder, 2).mkdir()
    assert attempt_folders(first) == [first, third]


def test_a_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    with locked(tmp_path, "study", refusal="Only one."):
        with (
            pytest.raises(TrialError, match=r"^Only one\.$"),
            locked(tmp_path, "study", refusal="Only one."),
        ):
            pass
        with locked(tmp_path, "another", refusal="Only one."):
            pass
    with locked(tmp_path, "study", refusal="Only one."):
        pass


def test_the_refusal_of_a_second_run_names_the_trial(tmp_path: Path) -> None:
    message = "nadamw, mnist, study 1, trial 2 is already running below"
    with (
        only_run_at(tmp_path, TRIAL.folder, str(TRIAL)),
        pytest.raises(TrialError, match=message),
        only_run_at(tmp_path, TRIAL.folder, str(TRIAL)),
    ):
        pass
