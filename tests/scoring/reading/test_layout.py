"""AlgoPerf's folders of logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import InvalidFile, UsageError
from kit.scoring.reading.layout import EVALUATIONS, is_layout, read_layout
from kit.scoring.results import collect
from tests.scoring.boards import make_rules

HEADER = "accumulated_submission_time,global_step,score,validation/accuracy\n"
GOOD = HEADER + "10.5,1,10.5,0.1\n20.5,50,20.5,0.95\n"
RULES = make_rules(["w"], {"w": "v"}, studies=1, trials=2)


def write(root: Path, text: str | None = GOOD, *, trial: str = "a/study_0/w_jax/trial_1") -> Path:
    folder = root / trial
    folder.mkdir(parents=True)
    if text is not None:
        (folder / EVALUATIONS).write_text(text)
    return root


def test_trials_are_read(tmp_path):
    write(tmp_path)
    write(tmp_path, trial="a/study_0/w_v_pytorch/trial_2")
    batch = read_layout(tmp_path, RULES)
    assert [trial.id for trial in batch.trials] == [
        TrialId("example", "a", "w", None, 0, 1),
        TrialId("example", "a", "w", "v", 0, 2),
    ]
    assert batch.trials[0].outcome.lowest == 20.5
    assert read_layout(tmp_path / "a", RULES).submissions == ("a",)


def test_unmeasured_and_empty_trials_count_as_missed_and_are_named(tmp_path):
    write(tmp_path, None)
    write(tmp_path, "", trial="a/study_0/w_jax/trial_2")
    batch = read_layout(tmp_path, RULES)
    (empty,) = batch.trials
    assert (empty.id.trial, empty.evaluations) == (2, 0)
    assert batch.notices == (
        f"{tmp_path}/a/study_0/w_jax/trial_2/{EVALUATIONS}: holds no evaluation; the trial counts "
        "as missed.",
        f"1 trial folders hold no {EVALUATIONS}: never measured.",
    )
    assert [entry.trials for entry in collect(batch.trials, RULES).missing()] == [(1,), (1, 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accumulated_submission_time,global_step\n1,1\n", "there is no column 'validation/acc"),
        (HEADER + "1,1,1\n", "row 2 has 3 cells, the header has 4: cut off"),
        (HEADER + "2,1,2,0.1\n1,2,1,0.95\n", "row 3, column accumulated_submission_time: 1.0 does"),
        (HEADER + "1,1,1,good\n", "row 2, column validation/accuracy: must be a number"),
        (HEADER.replace("score", "global_step") + "1,1,1,1\n", "there are two columns 'global_st"),
    ],
)
def test_damage_is_named_by_file_and_row(tmp_path, text, message):
    write(tmp_path, text)
    with pytest.raises(InvalidFile) as caught:
        read_layout(tmp_path, RULES)
    assert f"a/study_0/w_jax/trial_1/{EVALUATIONS}: {message}" in str(caught.value)


def test_rows_out_of_order_are_used_as_present_and_noted(tmp_path):
    write(tmp_path, HEADER + "2,2,2,0.1\n1,1,1,0.95\n")
    batch = read_layout(tmp_path, RULES, as_present=True)
    assert batch.trials[0].reached.seconds == 1.0
    (notice,) = batch.notices
    assert notice.startswith("OUT OF ORDER, and used as it stands: ")


def test_other_folders_are_named(tmp_path):
    write(tmp_path)
    write(tmp_path, trial="a/study_0/mnist_jax/trial_1")
    write(tmp_path, trial="a/study_0/w_tensorflow/trial_1")
    write(tmp_path, trial="a/notes/w_jax/trial_1")
    notices = "\n".join(read_layout(tmp_path, RULES).notices)
    assert "1 trial of 'mnist': ruleset example has no such workload" in notices
    assert "w_tensorflow: not named <workload>_jax or <workload>_pytorch" in notices
    assert "a/notes: not named study_…" in notices


def test_same_trial_of_two_frameworks_is_refused(tmp_path):
    write(tmp_path)
    write(tmp_path, trial="a/study_0/w_pytorch/trial_1")
    with pytest.raises(UsageError, match="The same trial is there twice"):
        collect(read_layout(tmp_path, RULES).trials, RULES)


def test_folder_without_logs_is_none(tmp_path):
    assert not is_layout(tmp_path)
    with pytest.raises(UsageError, match="holds no log"):
        read_layout(tmp_path, RULES)
