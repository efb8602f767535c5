"""`kit compare`: what it says before, in between and at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.records.ledger import LEDGER
from tests.study.conftest import RULESET, Place, place, write_racer
from tests.study.race import Race

__all__ = ["place"]

KIT = [sys.executable, "-c", "from kit.cli.main import main; main()"]
ASKED = ("racer", "other/racer", "--ruleset", str(RULESET), "--workloads", "mnist")


def kit(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


@pytest.fixture
def home(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A working folder with two versions of a submission."""
    monkeypatch.setenv("STOPWATCH_RESULTS", str(place.results))
    monkeypatch.chdir(place.root)
    return place


def test_a_plan_tells_trials_and_hours_and_starts_nothing(
    home: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    Race(home)
    assert kit("compare", *ASKED, "--plan") == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "under ruleset sprint on mnist: 6 pairs each, 12 trials, 12 still to run, at most " in (
        output.err
    )
    assert "2 min 00 s of submission time" in output.err
    assert "never official" in output.err
    assert not list(home.results.rglob("trial.json"))


def test_what_there_is_is_told_and_what_is_missing_too(
    home: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    race = Race(home, pairs=1)
    race.run(states=("target_reached", "failed"))
    asked = (*ASKED, "--trial", "2", "--seeds", "2", "--plan")
    assert kit("compare", *asked) == 0
    out = capsys.readouterr().out
    digests = [side.assignment.submission.sha256[:8] for side in race.duel.sides]
    first, second = (f"racer ({digest})" for digest in digests)
    assert f"1 pair cannot tell: {first} won 1 and {second} 0;" in out
    assert f"{second}: 1 trials count as missed" in out
    assert "(failed), first mnist, pair 1." in out
    assert "2 trials still to run. Go on:" in out
    assert "compare racer other/racer --workloads mnist --seeds 2" in out
    assert kit("compare", *asked, "--json") == 0
    content = json.loads(capsys.readouterr().out)
    ((own, other),) = content["workloads"]["mnist"]["times"]
    assert (own > 0, other) == (True, None)
    assert (content["complete"], content["owed"]) == (False, 2)
    assert content["estimate_at_start"]["at_most_seconds"] == 20.0
    assert content["overall"]["only_first_reached"] == 1
    assert content["verdict"]["faster"] is None
    assert not (home.results / LEDGER).exists(), "official results stay apart"


def test_edited_code_begins_another_comparison(
    home: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    Race(home, pairs=1)
    assert kit("compare", *ASKED, "--plan", "--json") == 0
    before = json.loads(capsys.readouterr().out)["submissions"][0]["results"]
    with (home.root / "racer" / "submission.py").open("a") as file:
        file.write("# better\n")
    assert kit("compare", *ASKED, "--plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["submissions"][0]["results"] != before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("racer", "lion"), "Unknown submission 'lion'"),
        (("racer", "racer", "--ruleset", "maxi"), "Unknown ruleset 'maxi'"),
        (("racer", "racer", "--ruleset", str(RULESET)), "No scored workload of ruleset sprint"),
        ((*ASKED[:4], "--workloads", "mnits"), "Unknown workload 'mnits'"),
        ((*ASKED[:4], "--workloads", ","), "--workloads takes names, separated by commas."),
        ((*ASKED, "--trial", "3"), "Trial 3 of racer does not exist under ruleset sprint."),
    ],
)
def test_a_wrong_request_is_one_line(
    home: Place, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    Race(home)
    assert kit("compare", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.slow  # two trials on mnist
def test_a_real_comparison_of_a_submission_with_itself(home: Place) -> None:
    write_racer(home.root / "same" / "racer")
    words = ["compare", "racer", "same/racer", *ASKED[2:], "--seeds", "1", "--json"]
    done = subprocess.run([*KIT, *words], capture_output=True, text=True, check=True)
    content = json.loads(done.stdout)
    assert content["complete"] is True
    assert content["overall"]["pairs"] == 1
    assert content["verdict"]["faster"] is None
    curves = [
        sorted(Path(one["results"]).rglob("evaluations.csv")) for one in content["submissions"]
    ]
    for own, other in zip(*curves, strict=True):
        rows = [path.read_text().splitlines()[1].split(",") for path in (own, other)]
        shared = set(rows[0]) & set(rows[1])
        assert any(len(cell) == 64 for cell in shared), "the same weights after step 1"
    verify = subprocess.run(
        [*KIT, "verify", content["submissions"][0]["results"]], capture_output=True, check=False
    )
    assert verify.returncode == 0
