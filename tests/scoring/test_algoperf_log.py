"""Records written as AlgoPerf's logs, and read back by our own reader."""

from __future__ import annotations

import csv
import io
import json

import pytest

from kit.contracts.target import Target
from kit.errors import UsageError
from kit.records.record import TrialState
from kit.scoring.algoperf_log import LoggedTrial, evaluation_table, write_log
from kit.scoring.reading.layout import read_layout
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import Goal
from tests.records.factory import make_trial

GOAL = Goal(Target(metric="accuracy", higher_is_better=True, validation=0.9), 60.0)
RULES = ScoringRules("example", ("mnist",), {}, {("mnist", None): GOAL}, 1, 2, 4.0)


def logged(**fields):
    trial = make_trial(**fields)
    return LoggedTrial(trial.record, trial.evaluations)


def test_round_trip_through_our_own_reader(tmp_path):
    reached, missed = logged(), logged(trial=2, state=TrialState.OUT_OF_TIME)
    write_log([reached, missed], tmp_path / "log")
    batch = read_layout(tmp_path / "log", RULES)
    first, second = batch.trials
    assert first.id.trial == 1
    assert first.outcome.lowest == reached.record.time_to_target_seconds
    assert (second.outcome.lowest, second.evaluations) == (float("inf"), 4)
    assert batch.submissions == ("example",)


def test_files_have_the_published_names_and_columns(tmp_path):
    write_log([logged()], tmp_path)
    folder = tmp_path / "example" / "study_1" / "mnist_jax" / "trial_1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "eval_measurements.csv",
        "hparams.json",
        "measurements.csv",
    ]
    assert json.loads((folder / "hparams.json").read_text())["warmup_steps"] == 10


def test_rows_hold_exact_times_and_sum_up():
    trial = logged()
    rows = list(csv.DictReader(io.StringIO(evaluation_table(trial))))
    assert len(rows) == len(trial.evaluations)
    last, evaluation = rows[-1], trial.evaluations[-1]
    assert float(last["accumulated_submission_time"]) == evaluation.submission_seconds
    assert last["score"] == last["accumulated_submission_time"]
    assert float(last["accumulated_eval_time"]) == pytest.approx(4 * 0.400000003)
    assert float(last["accumulated_logging_time"]) == pytest.approx(3 * 0.005000001)
    setup_seconds = 3.000000007
    assert float(last["total_duration"]) == pytest.approx(
        setup_seconds
        + evaluation.submission_seconds
        + float(last["accumulated_eval_time"])
        + float(last["accumulated_logging_time"])
    )
    assert last["validation/loss"] == ""  # NaN
    assert float(last["validation/accuracy"]) == 0.95


def test_folder_that_holds_something_is_not_written_into(tmp_path):
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UsageError, match="is not an empty folder"):
        write_log([logged()], tmp_path)


def test_two_trials_for_one_folder_are_refused(tmp_path):
    with pytest.raises(UsageError, match="Two trials would be written to"):
        write_log([logged(), logged(attempt=2)], tmp_path / "log")
