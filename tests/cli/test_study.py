"""`kit study` and `kit plan`, with real trials on mnist and in words."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.cli.main import main
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from tests.study.conftest import CODE, RULESET, write_racer

KIT = [sys.executable, "-c", "from kit.cli.main import main; main()"]
ASKED = ("--submission", "racer", "--ruleset", str(RULESET), "--workloads", "mnist")
BROKEN = CODE + "raise RuntimeError('it cannot even be imported')\n"

Ran = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path, mnist_data: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a submission and a private folder."""
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STOPWATCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.chdir(tmp_path)
    write_racer(tmp_path / "racer")
    return tmp_path


@pytest.fixture
def running(home: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts `kit study --json`; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [*KIT, "study", *ASKED, "--json", *more]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def events_until(process: subprocess.Popen[str], wanted: str) -> list[dict[str, Any]]:
    """Read events until one of a kind comes."""
    assert process.stderr is not None
    events: list[dict[str, Any]] = []
    for line in process.stderr:
        events.append(json.loads(line))
        if events[-1]["event"] == wanted:
            return events
    raise AssertionError(f"the study ended before {wanted}: {events[-3:]}")


def finish(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], list[dict[str, Any]]]:
    """Wait for the end; return exit status, result and events."""
    out, err = process.communicate(timeout=280)
    return process.returncode, json.loads(out), [json.loads(line) for line in err.splitlines()]


def kit(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


def verified(home: Path) -> None:
    done = subprocess.run(
        [*KIT, "verify", str(home / "results")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def living() -> dict[int, int]:
    """Return all processes that are not dead, with their parents."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            parents[int(path.parent.name)] = int(fields[1])
    return parents


def descendants(pid: int) -> list[int]:
    """Return all processes below one, by their parents."""
    parents = living()
    found = [pid]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


@pytest.mark.slow  # half a minute
def test_a_killed_study_takes_its_trial_along_and_goes_on_where_it_was(
    home: Path, running: Callable[..., subprocess.Popen[str]]
) -> None:
    first = running("--studies", "1")
    events_until(first, "evaluated")
    below = descendants(first.pid)
    assert below
    first.kill()
    first.wait()
    second = running("--studies", "1")
    (begun,) = [e for e in events_until(second, "trial_started") if e["event"] == "study_begun"]
    assert (begun["trials"], begun["owed"]) == (2, 2)
    assert not set(below) & set(living())
    status, result, _ = finish(second)
    assert status == 0
    assert result["complete"] is True
    trials = {(t["study"], t["trial"]): t for t in result["trials"]}
    assert trials[1, 1]["attempts"][0]["state"] is None
    assert all(t["phase"] == "done" for t in trials.values())
    attempts = Ledger(home / "results" / LEDGER).attempts()
    commitments = [a.identification.seed_commitment for a in attempts]
    assert len(attempts) == 3
    assert commitments[0] == commitments[1] != commitments[2]
    verified(home)


@pytest.mark.slow
def test_a_whole_study_with_ctrl_c_in_the_middle(
    home: Path, running: Callable[..., subprocess.Popen[str]]
) -> None:
    first = running()
    events_until(first, "trial_ended")
    events_until(first, "evaluated")
    first.send_signal(signal.SIGINT)
    status, result, _ = finish(first)
    assert status == 130
    assert result["interrupted_by"] == "SIGINT"
    assert [t["phase"] for t in result["trials"]] == ["done", "owed", "owed", "owed"]
    done = result["trials"][0]
    status, result, events = finish(running())
    assert status == 0
    assert result["trials"][0] == done
    started = [e for e in events if e["event"] == "trial_started"]
    # Which trial was second depends on whether the first reached its target.
    ran = {(e["study"], e["trial"]): e["attempt"] for e in started}
    assert len(started) == len(ran) == 3
    (interrupted,) = [t for t in result["trials"] if len(t["attempts"]) == 2]
    assert interrupted["attempts"][0]["state"] == TrialState.INTERRUPTED
    assert ran.pop((interrupted["study"], interrupted["trial"])) == 2
    assert set(ran.values()) == {1}
    verified(home)


@pytest.mark.slow
def test_a_failing_submission_is_run_once_everywhere_and_exits_with_1(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "racer" / "submission.py").write_text(BROKEN)
    assert kit("study", *ASKED, "--studies", "2") == 1
    output = capsys.readouterr()
    assert "Study complete: 2 trials, 2 of them forfeited." in output.out
    assert "∞ fail" in output.out
    assert "mnist, study 2, trial 2: failed (2 of 2 trials finished)" in output.err
    assert kit("study", *ASKED, "--studies", "2") == 1
    assert "2 trials, 2 finished, 0 owed" in capsys.readouterr().err
    assert len(Ledger(home / "results" / LEDGER).attempts()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Say which submission: --submission NAME or FOLDER. Choose one of: "),
        (("--submission", "nadam"), "Unknown submission 'nadam'"),
        (("--submission", "racer", "--ruleset", "maxi"), "Unknown ruleset 'maxi'"),
        (("--submission", "racer", "--ruleset", str(RULESET)), "No scored workload of ruleset"),
        ((*ASKED[:4], "--workloads", "mnits"), "Unknown workload 'mnits'"),
        ((*ASKED[:4], "--workloads", " ,"), "--workloads takes names, separated by commas."),
        ((*ASKED, "--studies", "3"), "Choose one of: 1, 2. Received: --studies=3."),
        ((*ASKED, "--studies", "one"), "--studies takes whole numbers, separated by commas: 1,3"),
        ((*ASKED, "--held-out", "public"), "There is no such folder. Received: public."),
    ],
)
@pytest.mark.parametrize("command", ["study", "plan"])
def test_a_wrong_request_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], command: str, words, message: str
) -> None:
    assert kit(command, *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_plan_tells_budgets_points_and_cost_and_starts_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit("plan", *ASKED, "--cost-per-hour", "36") == 0
    output = capsys.readouterr().out
    assert "racer under ruleset sprint, external tuning:" in output
    line = "mnist     accuracy ≥ 0.6000  10 s    0.3 s        2 × 2             0     4"
    assert line in output
    assert "All: 4 trials, at most 0.01111 hours of submission time" in output
    assert "nothing like it was measured on this machine yet; cost 0.40 at most." in output
    assert Ledger(home / "results" / LEDGER).attempts() == []

    assert kit("plan", *ASKED, "--json", "--studies", "2") == 0
    plan = json.loads(capsys.readouterr().out)
    assert [(p["study"], p["trial"]) for p in plan["points"]] == [(2, 1), (2, 2)]
    for point in plan["points"]:
        assert f"learning_rate={point['hyperparameters']['learning_rate']:.6g}" in output
    assert plan["owed"] == plan["all"]
    assert plan["workloads"][0] | {"owed": 2, "done": 0, "given_up": 0} == plan["workloads"][0]


@pytest.mark.parametrize("cost", ["-1", "nan", "inf"])
def test_a_cost_is_a_number(home: Path, capsys: pytest.CaptureFixture[str], cost: str) -> None:
    assert kit("plan", *ASKED, "--cost-per-hour", cost) == 2
    assert "--cost-per-hour takes a number, 0 or more." in capsys.readouterr().err


@pytest.fixture
def draw(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A draw under the ruleset mini, in which nadamw was frozen; return its public folder."""
    folder = ("--ruleset", "mini", "--folder", "public")
    assert kit("heldout", "commit", *folder, "--public-value-will-be", "drand round 1") == 0
    assert kit("freeze", "nadamw", *folder) == 0
    assert kit("heldout", "reveal", *folder, "--public-value", "5f3759df") == 0
    capsys.readouterr()
    return home / "public"


def test_revealed_variants_come_after_all_base_workloads(
    draw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit("plan", "--submission", "nadamw", "--held-out", "public", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    labels = [(w["workload"], w["variant"]) for w in plan["workloads"]]
    assert [variant for _, variant in labels[:-1]] == [None] * (len(labels) - 1)
    assert labels[-1][1] is not None
    reveal = subprocess.run(
        [*KIT, "heldout", "check", "--folder", "public", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(reveal.stdout)["choice"] == dict(labels[-1:])


@pytest.mark.parametrize("command", ["study", "plan"])
def test_a_submission_that_was_not_frozen_is_refused(
    draw: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert kit(command, "--submission", "adamw", "--held-out", "public") == 1
    message = "Submission 'adamw' was not frozen before the held-out variants of ruleset 'mini'"
    assert message in capsys.readouterr().err
