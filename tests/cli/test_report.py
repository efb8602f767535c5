"""`kit report`: pages and figures as files, and requests that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.records.record import TrialState
from tests.records.factory import Results
from tests.report.made_up import small_leaderboard, small_log
from tests.scoring.reading.records_factory import ruleset_file, run


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A leaderboard of records whose key is the user's own."""
    results, ruleset = small_leaderboard(tmp_path)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(results.config))
    return results, ruleset


def test_page_of_a_leaderboard(known, tmp_path, capsys):
    results, ruleset = known
    file = tmp_path / "report.html"
    assert kit("report", results.root, "--ruleset", ruleset, "--html", file) == 0
    output = capsys.readouterr()
    assert output.out == f"{file}\n"
    text = file.read_text()
    assert "<h1>Leaderboard: ruleset example, 2 submissions</h1>" in text
    assert "<h2>Scores</h2>" in text
    assert "second, mnist: study 2, trial 2" in text  # missing
    assert "1 trials were stopped early" in output.err


def test_the_specification_of_a_wandb_report_needs_no_network(known, tmp_path, capsys):
    results, ruleset = known
    words = ("report", results.root, "--ruleset", ruleset, "--resamples", "0", "--entity", "team")
    texts = []
    for name in ("first.json", "again.json"):
        assert kit(*words, "--spec", tmp_path / name) == 0
        assert capsys.readouterr().out == f"{tmp_path / name}\n"
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]
    assert "**Verified**" in texts[0]
    assert "| rank | submission | score |" in json.loads(texts[0])["description"] + texts[0]


def test_logs_make_no_report_at_wandb(tmp_path, capsys):
    log, ruleset = small_log(tmp_path)
    words = ("report", log, "--ruleset", ruleset, "--spec", tmp_path / "spec.json")
    assert kit(*words) == 2
    assert "is made of a leaderboard of signed records" in capsys.readouterr().err


def test_page_of_a_submission_shows_times_and_no_score(known, tmp_path, capsys):
    results, ruleset = known
    file = tmp_path / "report.html"
    assert kit("report", results.root / "example/first", "--ruleset", ruleset, "--html", file) == 0
    text = file.read_text()
    assert "<h1>Submission first, ruleset example</h1>" in text
    assert "<h2>Scores</h2>" not in text
    assert "<h2>Time to target on base workloads, seconds</h2>" in text


def test_undecided_scores_leave_the_rest_of_the_page(tmp_path, monkeypatch, capsys):
    results, ruleset = Results(tmp_path), ruleset_file(tmp_path)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(results.config))
    for study in (1, 2):
        run(results, ruleset, "first", study=study)
    run(results, ruleset, "second", state=TrialState.STOPPED_EARLY)
    run(results, ruleset, "second", study=2)
    file = tmp_path / "report.html"
    assert kit("report", results.root, "--ruleset", ruleset, "--html", file) == 0
    assert "Note: No scores: The scores of second depend on trials" in capsys.readouterr().err
    assert "No scores: The scores of second depend" in file.read_text()


def test_altered_records_need_a_word_from_the_user(known, tmp_path, capsys):
    results, ruleset = known
    (results.root / "example/first/mnist/study_1/trial_1/log.txt").write_bytes(b"other")
    words = ("report", results.root, "--ruleset", ruleset, "--html", tmp_path / "report.html")
    assert kit(*words) == 1
    assert "things do not match" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
    assert kit(*words, "--unverified") == 0
    text = (tmp_path / "report.html").read_text()
    assert '<h2 id="verdict-title">UNVERIFIED' in text


@pytest.mark.parametrize("form", ["svg", "png"])
def test_figures_are_written_for_both_papers(tmp_path, form, capsys):
    log, ruleset = small_log(tmp_path)
    folder = tmp_path / "figures"
    words = ("report", log, "--ruleset", ruleset, "--figures", folder, "--format", form)
    assert kit(*words) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert {f"{name}-{theme}.{form}" for name in ("scores", "profiles", "times-mnist")
            for theme in ("light", "dark")} <= {path.name for path in written}  # fmt: skip
    start = b"\x89PNG" if form == "png" else b"<?xml"
    assert all(path.read_bytes().startswith(start) for path in written)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Say what to make: --html FILE, --figures FOLDER, --wandb, --spec FILE"),
        (("--html", "report.html", "--ruleset", "nothing"), "Unknown ruleset 'nothing'"),
        (("--html", "report.html"), "Logs do not say which ruleset"),
    ],
)
def test_wrong_requests_are_one_line(tmp_path, words, message, capsys, monkeypatch):
    log, _ = small_log(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert kit("report", log, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
