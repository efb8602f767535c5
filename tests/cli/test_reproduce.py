"""`kit reproduce`: the same curve again, or what is different and from when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.cli.main import main
from kit.records.record import TrialState
from kit.referee.conduct import Conduct
from tests.study.conftest import RULESET, Books, Place, place
from tests.study.untrained import untrained

__all__ = ["place"]

KIT = [sys.executable, "-c", "from kit.cli.main import main; main()"]
Output = pytest.CaptureFixture[str]


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return int(caught.value.code or 0)


@pytest.fixture
def record(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> Path:
    """The record of a trial of one evaluation, in which nothing was trained."""
    monkeypatch.setattr(Conduct, "run", untrained)
    asked = ("--workload", "mnist", "--submission", place.submission, "--ruleset", RULESET)
    assert kit("run", *asked, "--results", place.results, "--isolation", "process") == 0
    capsys.readouterr()
    return place.results / "sprint" / "racer" / "mnist" / "study_1" / "trial_1"


def again(record: Path, *words: object) -> int:
    return kit("reproduce", record, "--ruleset", RULESET, "--isolation", "process", *words)


def result(record: Path, capsys: Output, *words: object) -> tuple[int, dict[str, Any]]:
    status = again(record, "--json", *words)
    return status, json.loads(capsys.readouterr().out)


def test_the_same_curve_is_bitwise_equal_and_leaves_nothing_behind(
    record: Path, place: Place, capsys: Output
) -> None:
    before = sorted(place.results.rglob("*"))
    assert again(record) == 0
    out = capsys.readouterr().out
    assert "Reproduced, bitwise equal: 1 evaluation, 1 metric value, and the sha256 of all" in out
    assert "Tolerance 0, by default: neither run has a GPU" in out
    assert sorted(place.results.rglob("*")) == before


def test_another_curve_is_told_with_the_first_step(
    record: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", "out_of_time")
    assert again(record) == 1
    out = capsys.readouterr().out
    assert "Not reproduced: largest difference 0.8, tolerance 0, first at step 1" in out
    assert "validation/accuracy" in out
    assert "0.9000" in out
    status, content = result(record, capsys, "--tolerance", "0.79")
    assert (status, content["equal"]) == (1, False)
    status, content = result(record, capsys, "--tolerance", "0.81")
    assert (status, content["equal"], content["bitwise"]) == (0, True, False)
    assert content["differing"][0]["first_step"] == 1


def test_a_rerun_that_fails_is_not_a_reproduction(
    record: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", "failed")
    status, content = result(record, capsys, "--tolerance", "9")
    assert (status, content["equal"]) == (1, False)
    assert content["rerun"]["state"] == "failed"


def test_the_point_the_seeds_and_the_source_are_those_of_the_record(
    record: Path, place: Place, capsys: Output, tmp_path: Path
) -> None:
    """Whatever lies in the submission's folder now."""
    (place.submission / "submission.py").write_text("# something else\n")
    kept = tmp_path / "kept"
    assert again(record, "--keep", kept) == 0
    (copy,) = kept.rglob("trial.json")
    own, other = (json.loads(path.read_bytes()) for path in (record / "trial.json", copy))
    for field in ("hyperparameters", "seeds", "submission_sha256", "batch_size", "study", "trial"):
        assert own[field] == other[field]
    assert other["official"] is False
    assert "it reproduces a record" in other["unofficial_reasons"]
    capsys.readouterr()
    assert kit("verify", copy.parent) == 0


def test_the_submission_is_told_the_recorded_budget_and_has_more(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise an evaluation at the end of a budget would be a matter of luck."""
    told = []

    def remember(self: Any, level: str) -> Any:
        told.append(
            (self._setup().max_submission_seconds, self._plan.request.rules.max_runtime_seconds)
        )
        return untrained(self, level)

    monkeypatch.setattr(Conduct, "run", remember)
    assert again(record) == 0
    assert told == [(10.0, 100.0)]


def test_another_environment_is_named_and_changes_the_tolerance(
    record: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kit.referee.environment.cpu_model", lambda: "Another Processor")
    assert again(record) == 0
    assert "Differs: processor: " in capsys.readouterr().out
    monkeypatch.setenv("STATE", "out_of_time")
    status, content = result(record, capsys)
    assert (status, content["tolerance"], content["bitwise_expected"]) == (1, 0.05, False)
    assert content["doubts"] == ["processor differs"]


def test_an_edited_record_is_refused(record: Path, capsys: Output) -> None:
    (record / "log.txt").write_bytes(b"edited")
    assert again(record) == 1
    error = capsys.readouterr().err
    assert "log.txt: The file was changed" in error
    assert "So there is nothing to reproduce." in error
    assert error.count("\n") == 1


def test_another_version_of_the_ruleset_is_refused(
    record: Path, tmp_path: Path, capsys: Output
) -> None:
    other = tmp_path / "sprint.yaml"
    other.write_text(RULESET.read_text() + "# edited\n")
    assert kit("reproduce", record, "--ruleset", other) == 2
    assert "Give the file of that time: --ruleset sprint.yaml." in capsys.readouterr().err
    assert kit("reproduce", record) == 2
    assert "under ruleset 'sprint', which is not one of the kit's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "nowhere: no such folder. Give the folder of a record."),
        (("racer",), "racer holds no record"),
        (("racer", "--tolerance", "-1"), "--tolerance takes a number, 0 or more."),
        (("racer", "--tolerance", "nan"), "--tolerance takes a number, 0 or more."),
    ],
)
def test_a_wrong_request_is_one_line(
    place: Place, capsys: Output, monkeypatch: pytest.MonkeyPatch, words: Any, message: str
) -> None:
    monkeypatch.chdir(place.root)
    assert kit("reproduce", *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_record_of_an_earlier_contract_is_an_error(place: Place, capsys: Output) -> None:
    books = Books(place)
    trial = books.enter(kit_version="0.1.0")
    assert again(books.folder(trial.record)) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: The record's submission is written for contract 1, of kit 0.1")
    assert error.count("\n") == 1


def test_a_record_without_an_evaluation_is_refused(place: Place, capsys: Output) -> None:
    books = Books(place)
    trial = books.enter(values=(), state=TrialState.FAILED)
    assert again(books.folder(trial.record)) == 2
    error = capsys.readouterr().err
    assert "The record has no evaluation, so there is no curve to compare: it ended as f" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (TrialState.FAILED, "The recorded trial failed; that is not repeated: the rerun ends at"),
        (TrialState.STOPPED_EARLY, "The recorded trial was stopped early; that is not repeated:"),
        (TrialState.INTERRUPTED, "The recorded trial was interrupted; that is not repeated:"),
    ],
)
def test_a_record_that_was_cut_off_says_so(
    place: Place, capsys: Output, monkeypatch: pytest.MonkeyPatch, state: TrialState, words: str
) -> None:
    monkeypatch.setattr(Conduct, "run", untrained)
    books = Books(place)
    trial = books.enter(state=state)
    assert again(books.folder(trial.record)) == 1
    assert words in capsys.readouterr().out


def test_a_record_by_a_stranger_needs_no_trust_unless_asked_for(
    record: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "elsewhere"))
    assert again(record) == 0
    assert "signed by a key that you do not know" in capsys.readouterr().out
    assert again(record, "--trusted-key", "ab" * 32) == 1
    assert "Unknown key" in capsys.readouterr().err


@pytest.mark.slow  # two real trials on mnist
def test_a_real_trial_comes_out_again_bit_by_bit(place: Place) -> None:
    asked = ["--workload", "mnist", "--submission", str(place.submission)]
    asked += ["--ruleset", str(RULESET), "--results", str(place.results)]
    subprocess.run([*KIT, "run", *asked], capture_output=True, check=True)
    (trial,) = place.results.rglob("trial.json")
    words = ["reproduce", str(trial.parent), "--ruleset", str(RULESET), "--json"]
    done = subprocess.run([*KIT, *words], capture_output=True, text=True, check=False)
    content = json.loads(done.stdout)
    assert done.returncode == 0, content
    assert content["bitwise"] is True
    assert content["evaluations"] >= 1
