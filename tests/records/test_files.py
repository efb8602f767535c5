"""The files of a record: written once, read strictly."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from kit.errors import InvalidFile, TrialError
from kit.records.files import (
    ATTESTATION,
    ATTESTED,
    ENVIRONMENT,
    EVALUATIONS,
    LOG,
    SUBMISSION,
    TRIAL,
    read_record,
)
from kit.records.record import StopReason, TrialState
from tests.records import factory
from tests.records.factory import Results, make_trial


def test_record_is_read_as_it_was_written(results: Results) -> None:
    trial = make_trial()
    written = results.run(trial)
    record, evaluations = read_record(written.folder)
    assert record == trial.record
    assert repr(evaluations) == repr(list(trial.evaluations))  # NaN is not equal to itself
    assert sorted(os.listdir(written.folder)) == sorted([*ATTESTED, ATTESTATION])
    assert (written.folder / LOG).read_bytes() == factory.LOG
    assert os.listdir(written.folder.parent) == ["trial_1"]


def test_same_trial_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (Results(tmp_path / name) for name in "ab")
    for results in (first, second):
        results.run(make_trial())
    folder = first.folder(make_trial().record)
    other = second.folder(make_trial().record)
    for name in ATTESTED:
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_stop_reasons_are_in_the_file_only_where_there_are_any(results: Results) -> None:
    reason = StopReason(rule="slower than the study's best", evidence=["ab" * 32])
    stopped = make_trial(trial=2, state=TrialState.STOPPED_EARLY, stop_reasons=[reason])
    for trial, there in ((make_trial(), False), (stopped, True)):
        folder = results.run(trial).folder
        assert ("stop_reasons" in json.loads((folder / "trial.json").read_text())) is there
        assert read_record(folder)[0] == trial.record


def test_json_has_no_nan(results: Results) -> None:
    metrics = {"validation/a": math.inf, "validation/b": math.nan, "test/a": -math.inf}
    trial = make_trial(initial_metrics=metrics)
    folder = results.run(trial).folder

    def refuse(token: str) -> None:
        raise AssertionError(token)

    content = json.loads((folder / TRIAL).read_text(), parse_constant=refuse)
    words = {"validation/a": "inf", "validation/b": "nan", "test/a": "-inf"}
    assert content["initial_metrics"] == words
    environment = json.loads((folder / ENVIRONMENT).read_text(), parse_constant=refuse)
    assert environment["ratio"] == "inf"
    assert repr(read_record(folder)[0].initial_metrics) == repr(metrics)


def test_evidence_is_never_overwritten(results: Results) -> None:
    trial = make_trial()
    folder = results.run(trial).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TrialError, match=r"trial_1 exists already, and evidence is never overwr"):
        results.write(trial)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_folder_that_appears_meanwhile_is_not_overwritten(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = make_trial()
    results.start(trial.record)
    folder = results.folder(trial.record)
    real = os.path.lexists
    folder.mkdir(parents=True)
    (folder / "someone").write_text("else")
    calls = iter([False])
    monkeypatch.setattr(os.path, "lexists", lambda path: next(calls, real(path)))
    with pytest.raises(TrialError, match="exists already"):
        results.write(trial)
    assert os.listdir(folder) == ["someone"]
    assert os.listdir(folder.parent) == ["trial_1"]


def test_folder_that_cannot_be_written_is_named(results: Results) -> None:
    trial = make_trial()
    results.start(trial.record)
    (results.root / "example").write_text("a file in the way")
    with pytest.raises(TrialError, match=r"Cannot write .*trial_1: Not a directory\. Check that"):
        results.write(trial)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"study": 1,', '"study": "x",', r"trial.json: study: Input should be a valid integer"),
        ('"study": 1,', '"study": 0,', r"trial.json: study: Input should be greater than or equal"),
        ('"abab', '"ABAB', r"trial.json: rules.ruleset_sha256: String should match pattern"),
        ('"steps": 301,', "", r"trial.json: steps: Field required"),
        ('"steps": 301,', '"steps": 301, "more": 1,', r"trial.json: more: Extra inputs are not"),
        ('"state": "target_reached"', '"state": "won"', r"trial.json: state: Input should be"),
        ('"study": 1,', '"study":  1,', r"trial.json: not in the form the kit writes"),
        ('"study": 1,', '"study": true,', r"trial.json: not in the form the kit writes"),
        ('"study": 1,', '"study": 1, "study": 1,', r"trial.json: not in the form the kit writes"),
        ('"study": 1,', '"study": 1', r"trial.json: not JSON: Expecting ',' delimiter"),
        ("{", "[" * 100_000, r"trial.json: not JSON"),
    ],
)
def test_bad_record_is_one_line_with_file_and_field(
    results: Results, old: str, new: str, message: str
) -> None:
    folder = results.run(make_trial()).folder
    text = (folder / TRIAL).read_text()
    assert old in text
    (folder / TRIAL).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidFile, match=message) as caught:
        read_record(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("index,", "number,", r"line 1: the first columns must be index, step"),
        ("\n2,101,", "\n2,many,", r"line 3, column step: Input should be a valid integer"),
        ("\n2,101,", "\n2,", r"line 3: 15 cells, but the header has 16"),
        ("\n2,101,", "\n2, 101,", r"not in the form the kit writes"),
        (",true,", ",True,", r"not in the form the kit writes"),
        ("train/loss", "other/loss", r"line 2, column metrics.other/loss: String should match"),
        (",nan", ",NaN", r"not in the form the kit writes"),
        ("\n2,101,", '\n"2,101,', r"not CSV"),
    ],
)
def test_bad_table_is_one_line_with_line_and_column(
    results: Results, old: str, new: str, message: str
) -> None:
    folder = results.run(make_trial()).folder
    text = (folder / EVALUATIONS).read_text()
    assert old in text
    (folder / EVALUATIONS).write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidFile, match=r"evaluations.csv: " + message) as caught:
        read_record(folder)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder / EVALUATIONS).unlink()
    with pytest.raises(InvalidFile, match=r"evaluations.csv: .*: No such file or directory"):
        read_record(folder)


@pytest.mark.parametrize("state", list(TrialState))
def test_trial_of_every_state_is_written_and_read(results: Results, state: TrialState) -> None:
    trial = make_trial(state=state, values=() if state is TrialState.FAILED else None)
    assert read_record(results.run(trial).folder)[0].state is state
    assert (results.folder(trial.record) / SUBMISSION).stat().st_size > 0
