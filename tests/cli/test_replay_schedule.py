"""`kit replay-schedule`: hours and both scores, for people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.scoring.scheduling import replay
from kit.scoring.scheduling.limits import Limit, Rule

HEADER = "submission,study,workload,trial,global_step,accumulated_submission_time,value"


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two submissions on one workload with its variant, five studies of two trials."""
    path = tmp_path / "log.csv"
    rows = []
    for name, factor in (("quick", 1), ("slow", 3)):
        for label, target in (("ogbg", 0.3), ("ogbg_model_size", 0.3)):
            for study in range(5):
                for trial in (1, 2):
                    seconds = factor * (1000 + 100 * study + 900 * trial)
                    rows.append(f"{name},{study},{label},{trial},1,{seconds / 2},nan")
                    rows.append(f"{name},{study},{label},{trial},2,{seconds},{target}")
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


OPTIONS = ("--ruleset", "algoperf-0.5")


def replayed(capsys, *words):
    assert kit("replay-schedule", *words, *OPTIONS, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_page_shows_hours_and_both_scores(log, capsys):
    assert kit("replay-schedule", log, *OPTIONS) == 0
    output = capsys.readouterr()
    assert output.out.startswith("2 submissions scheduled together, the whole field.")
    assert "Scores with and without stopping are identical, in all 6 replays" in output.out
    for part in ("+ base before variants", "oracle", "ogbg_model_size", "quick", "0.125"):
        assert part in output.out
    assert "Nobody has a trial of criteo1tb" in output.err


def test_json_holds_every_step(log, capsys):
    content = replayed(capsys, log)
    assert content["identical"] is True
    assert len(content["steps"]) == 6
    hours = [step["hours"] for step in content["steps"]]
    assert content["hours"]["all"] > hours[0] >= hours[1] >= hours[2] > hours[5]
    assert content["hours"]["oracle"] <= hours[2]
    slow = content["submissions"]["slow"]
    assert slow["score"] == slow["score_with_stopping"] > 0
    both = sum(entry["hours"] for entry in content["workloads"].values())
    assert both == pytest.approx(hours[5])


def test_one_submission_with_and_without_known_results(log, capsys):
    unknown = replayed(capsys, log, "--submission", "slow")
    known = replayed(capsys, log, "--submission", "slow", "--known-results", log)
    assert list(unknown["submissions"]) == list(known["submissions"]) == ["slow"]
    assert (unknown["rivals_known"], known["rivals_known"]) == (False, True)
    assert known["steps"][5]["hours"] < unknown["steps"][5]["hours"]
    assert known["submissions"]["slow"]["score"] == unknown["submissions"]["slow"]["score"]
    rules = {name for step in unknown["steps"] for name in step["stops"]}
    assert not rules & {"cut_off", "variant_cut_off", "variant_passed"}


def test_each_submission_alone(log, capsys):
    assert replayed(capsys, log, "--alone")["alone"] is True
    assert kit("replay-schedule", log, *OPTIONS, "--alone") == 0
    assert "2 submissions scheduled each by itself, with nothing known" in capsys.readouterr().out


def test_unknown_submission_is_refused(log, capsys):
    assert kit("replay-schedule", log, *OPTIONS, "--submission", "quik") == 2
    assert "Choose one of: quick, slow. Received: --submission=quik." in capsys.readouterr().err


def test_a_rule_that_is_wrong_is_found(log, capsys, monkeypatch):
    """Every trial needless: the scores are undecided, and that is an error."""
    monkeypatch.setattr(replay, "limit_of", lambda *_: Limit(0.0, Rule.STUDY_BEST, ()))
    assert kit("replay-schedule", log, *OPTIONS) == 1
    assert "depend on trials that were stopped early" in capsys.readouterr().err


def test_scores_that_differ_are_an_error(log, capsys, monkeypatch):
    """As if the check for decided scores were wrong, too."""
    monkeypatch.setattr(replay, "limit_of", lambda *_: Limit(0.0, Rule.STUDY_BEST, ()))
    monkeypatch.setattr("kit.scoring.scheduling.savings.require_decided", lambda _: None)
    assert kit("replay-schedule", log, *OPTIONS) == 1
    output = capsys.readouterr()
    assert "NOT IDENTICAL" in output.out
    assert "Stopping changed scores" in output.err
