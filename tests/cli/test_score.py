"""`kit score`: the leaderboard that people and programs read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from kit.cli import reading
from kit.cli.main import main
from kit.cli.score_page import missing_lines
from kit.records.record import TrialState
from kit.scoring.bootstrap import SEED
from kit.scoring.results import MissingTrials
from tests.records.factory import LOG, Results
from tests.scoring.golden import LOG as COMPETITION
from tests.scoring.golden import expected
from tests.scoring.reading.records_factory import ruleset_file, run

LOG_HEADER = "submission,study,workload,trial,global_step,accumulated_submission_time,value"


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def ruleset(tmp_path: Path) -> Path:
    return ruleset_file(tmp_path)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    made = Results(tmp_path)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(made.config))
    return made


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two submissions, two studies of one trial: 10 s and 20 s, always."""
    path = tmp_path / "log.csv"
    rows = [
        f"{name},{study},mnist,1,100,{seconds},0.95"
        for name, seconds in (("first", 10.0), ("second", 20.0))
        for study in (1, 2)
    ]
    path.write_text("\n".join([LOG_HEADER, *rows]) + "\n")
    return path


def test_compat_prints_the_published_table(capsys):
    options = ("--ruleset", "algoperf-0.5", "--compat", "algoperf", "--reference", "baseline")
    assert kit("score", COMPETITION, *options) == 0
    output = capsys.readouterr()
    for name, published in expected()["published"].items():
        assert f"  {name}  " in output.out.replace("\n", "  ").replace("   ", "  ")
        assert f"{published:.4f}" in output.out
    assert "Differs from the default (the written rules) because:" in output.out
    assert "not the fastest: this alone changes lawa_ema 0.34309 → 0.33780" in output.out
    assert "15 trials of 'criteo1tb_layernorm'" in output.err


def test_nine_workloads_of_the_ruleset_and_eight_in_the_log(capsys):
    """As with the published logs of 0.6, which lack the language model."""
    words = ("score", COMPETITION, "--ruleset", "algoperf-0.6", "--json", "--resamples", "0")
    assert kit(*words, "--compat", "algoperf") == 0
    output = capsys.readouterr()
    board = json.loads(output.out)
    assert board["workloads_left_out"] == ["finewebedu_lm"]
    assert "because nobody has a trial of it: finewebedu_lm; 8 workloads are scored" in output.err
    best = board["standings"][0]["score"]
    # 0.6 has 3 studies of 5 trials; this log has 5, so the written rules refuse it.
    assert kit(*words) == 2
    assert "ruleset algoperf-0.6 has 3 studies of 5 trials" in capsys.readouterr().err
    assert best > 0.5


def test_json_holds_everything(log, ruleset, capsys):
    assert kit("score", log, "--ruleset", ruleset, "--json") == 0
    board = json.loads(capsys.readouterr().out)
    first, second = board["standings"]
    assert (first["submission"], first["score"], first["rank"]) == ("first", 1.0, 1)
    assert second["score"] == pytest.approx(2 / 3)
    assert second["speedup"] == {"factor": 0.5, "workloads": 1}
    assert second["profile"] == {"tau": [2.0], "share": [1.0]}
    assert second["times"]["mnist"]["seconds"] == 20.0
    assert (board["intervals"]["seed"], board["intervals"]["resamples"]) == (SEED, 1000)
    assert set(board["seconds"]) == {"reading", "scoring"}
    assert [entry["trials"] for entry in board["missing"]] == [[2]] * 4
    assert board["verified"] is None


def test_the_first_studies_alone_are_a_marked_part(log, ruleset, capsys):
    with log.open("a") as file:
        file.write("first,2,mnist,2,50,5,0.95\n")
    words = ("score", log, "--ruleset", ruleset, "--json")
    assert kit(*words, "--studies", "1") == 0
    output = capsys.readouterr()
    board = json.loads(output.out)
    assert board["studies_left_out"] == 1
    assert board["standings"][0]["times"]["mnist"]["seconds"] == 10.0
    assert [(entry["study"], entry["trials"]) for entry in board["missing"]] == [(1, [2])] * 2
    assert "PARTIAL: the first 1 of 2 studies of ruleset" in output.err
    assert kit(*words, "--studies", "3") == 2
    assert "has 2 studies. Received: --studies 3." in capsys.readouterr().err


def test_self_tuning_log_has_one_trial_a_study_and_a_longer_budget(tmp_path, capsys):
    """11,012 s is beyond the 7,703 s of external tuning on criteo1tb, and within 3 times that."""
    for study in range(5):
        folder = tmp_path / "logs" / "mine" / f"study_{study}" / "criteo1tb_jax" / "trial_1"
        folder.mkdir(parents=True)
        (folder / "eval_measurements.csv").write_text(
            "accumulated_submission_time,global_step,validation/loss\n11012.5,9,0.1\n"
        )
    words = ("score", tmp_path / "logs", "--ruleset", "algoperf-0.5", "--workloads", "criteo1tb",
             "--held-out", "none", "--json")  # fmt: skip
    for tuning, expected_seconds in (("self-tuning", 11012.5), ("external", "inf")):
        assert kit(*words, "--tuning", tuning) == 0
        (line,) = json.loads(capsys.readouterr().out)["standings"]
        assert line["times"]["criteo1tb"]["seconds"] == expected_seconds


def test_first_studies_as_the_reference_scorer_counts_them(log, ruleset, capsys):
    with log.open("a") as file:
        file.writelines(f"first,{study},mnist,1,100,5.0,0.95\n" for study in (3, 4))
    words = ("score", log, "--ruleset", ruleset, "--compat", "algoperf", "--json")
    assert kit(*words, "--studies", "1") == 0
    output = capsys.readouterr()
    board = json.loads(output.out)
    assert (board["studies"], board["studies_left_out"]) == (1, 1)
    assert board["standings"][0]["times"]["mnist"]["seconds"] == 10.0
    assert "all are used" not in output.err


def test_number_that_can_be_no_count_is_refused_at_once(log, ruleset, capsys):
    with log.open("a") as file:
        file.write("first,999999,mnist,1,100,5.0,0.95\n")
    assert kit("score", log, "--ruleset", ruleset, "--compat", "algoperf") == 2
    error = capsys.readouterr().err
    assert "first, mnist, study 999999, trial 1: studies and trials are counted on from" in error
    assert error.count("\n") == 1


def test_log_of_other_workloads_gives_no_leaderboard(log, ruleset, capsys):
    log.write_text(log.read_text().replace(",mnist,", ",mnist2,"))
    for words in ((), ("--compat", "algoperf")):
        assert kit("score", log, "--ruleset", ruleset, *words) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert "Nothing to score: no trial was measured on a workload that counts" in output.err
        assert "Left out: 4 trials of 'mnist2': ruleset example has no such" in output.err


def test_log_without_any_trial_of_a_held_out_variant_says_so(tmp_path, capsys):
    log = tmp_path / "log.csv"
    log.write_text(f"{LOG_HEADER}\nmine,study_0,wmt,1,100,10.0,99\n")
    words = ("score", log, "--ruleset", "algoperf-0.5", "--resamples", "0")
    for compat in ((), ("--compat", "algoperf")):
        assert kit(*words, *compat) == 0
        error = capsys.readouterr().err
        assert "Nobody has a trial of the held-out wmt_glu_tanh, so nobody keeps wmt" in error
    assert kit(*words, "--held-out", "none") == 0
    assert "Nobody has a trial of the held-out" not in capsys.readouterr().err


def test_log_that_looks_like_self_tuning_says_so(log, ruleset, capsys):
    words = ("score", log, "--ruleset", ruleset)
    assert kit(*words) == 0
    hint = "If the submissions tuned themselves, say --tuning self-tuning"
    assert hint in capsys.readouterr().err
    assert kit(*words, "--tuning", "external") == 0
    assert hint not in capsys.readouterr().err
    with log.open("a") as file:
        file.write("second,2,mnist,2,50,5,0.95\n")
    assert kit(*words) == 0
    assert hint not in capsys.readouterr().err


def test_undecided_scores_name_the_trials_to_resume(results, ruleset, capsys):
    for study in (1, 2):
        run(results, ruleset, "first", study=study)
    run(results, ruleset, "second", state=TrialState.STOPPED_EARLY)
    run(results, ruleset, "second", study=2)
    assert kit("score", results.root, "--ruleset", ruleset) == 1
    error = capsys.readouterr().err
    assert "Resume: second, mnist, study 1, trial 1 (stopped at" in error


def test_seed_of_the_option_is_that_of_the_module():
    assert reading.DEFAULT_SEED == SEED


def test_files_are_written_too(log, ruleset, tmp_path, capsys):
    table, page = tmp_path / "board.csv", tmp_path / "board.md"
    assert kit("score", log, "--ruleset", ruleset, "--csv", table, "--markdown", page) == 0
    with table.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["submission"], first["score"], first["mnist"]) == ("first", "1.0", "10.0")
    assert (second["rank"], second["mnist outcome"], second["evidence"]) == ("2", "counts", "log")
    text = page.read_text()
    assert text.startswith("# Leaderboard: ruleset example, external, 1 workloads\n")
    assert "| 1 | first | 1.0000 |" in text
    assert "- first, mnist: studies 1, 2, trial 2" in text


def test_terminal_output_lists_what_is_missing(log, ruleset, capsys):
    assert kit("score", log, "--ruleset", ruleset) == 0
    output = capsys.readouterr().out
    assert "Missing trials; each counts as missed:\n  first, mnist: studies 1, 2, trial 2" in output
    assert "1     first       1.0000" in output


def test_unverified_records_are_marked_everywhere(results, ruleset, tmp_path, capsys):
    run(results, ruleset, "first")
    (text,) = results.root.rglob("log.txt")
    text.write_bytes(LOG + b"more")
    assert kit("score", results.root, "--ruleset", ruleset) == 1
    assert "Error: " in capsys.readouterr().err
    files = ("--csv", tmp_path / "board.csv", "--markdown", tmp_path / "board.md")
    options = ("--ruleset", ruleset, "--unverified", *files)
    assert kit("score", results.root, *options) == 0
    assert capsys.readouterr().out.startswith("UNVERIFIED. Leaderboard: ")
    assert "UNVERIFIED" in (tmp_path / "board.csv").read_text()
    assert (tmp_path / "board.md").read_text().startswith("# UNVERIFIED. ")
    assert kit("score", results.root, *options, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verified"] is False


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Logs do not say which ruleset they were run under"),
        (("--ruleset", "algoperf"), "Unknown ruleset 'algoperf'"),
        (("--ruleset", "mini", "--held-out", "criteo1tb"), "--held-out takes base=variant"),
        (("--ruleset", "mini", "--held-out", "mnist=silu"), "Unknown workload with held-out var"),
        (("--ruleset", "mini", "--held-out", "criteo1tb=silu"), "Unknown held-out variant of crit"),
        (("--ruleset", "mini", "--workloads", "wmt"), "Unknown scored workload 'wmt'"),
        (("--ruleset", "mini", "--workloads", ""), "Unknown scored workload ''"),
        (("--ruleset", "RULESET", "--reference", "third"), "Unknown submission 'third'. Choose on"),
    ],
)
def test_wrong_requests_are_one_line(log, ruleset, words, message, capsys):
    words = [str(ruleset) if word == "RULESET" else word for word in words]
    assert kit("score", log, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_missing_studies_and_trials_are_joined():
    entries = [
        MissingTrials("a", "w", study, (2, 3, 4), whole_study=False) for study in (0, 1, 2, 4)
    ]
    entries.append(MissingTrials("a", "w", 3, (1, 2, 3, 4), whole_study=True))
    assert list(missing_lines(entries)) == [
        "a, w: studies 0, 1, 2, 4, trials 2 to 4",
        "a, w: study 3",
    ]
