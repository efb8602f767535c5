"""`kit calibrate`: requests, views, and one calibration from start to end."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.calibration.campaign import SEEDS, TUNING
from kit.cli.calibrate_page import print_calibration
from kit.cli.main import main
from kit.cli.views.calibration import CalibrationView
from kit.contracts.trial_id import TrialId
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.study.owed import Attempt, Board, board_of
from kit.study.scheduling import Run
from tests.calibration.made_up import answer, question, run


def kit(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


MNIST = ("--workload", "mnist")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Say which workload: --workload NAME. Choose one of: "),
        (("--workload", "mnits"), "Unknown workload 'mnits'"),
        ((*MNIST, "--variant", "silu"), "Unknown variant of mnist 'silu'"),
        ((*MNIST, "--ruleset", "maxi"), "Unknown ruleset 'maxi'"),
        ((*MNIST, "--submissions", " ,"), "--submissions takes names or folders, separated by"),
        ((*MNIST, "--submissions", "adamw,adanw"), "Unknown submission 'adanw'"),
        ((*MNIST, "--submissions", "lonely"), "No search space for submission 'lonely'"),
        ((*MNIST, "--slack", "0.9"), "--slack takes a factor, 1 or more. Received: 0.9."),
        ((*MNIST, "--slack", "nan"), "--slack takes a factor, 1 or more. Received: nan."),
        ((*MNIST, "--trials", "0"), "0 is not in the range x>=1"),
        ((*MNIST, "--spaces", "nowhere.yaml"), "nowhere.yaml: no such file"),
        ((*MNIST, "--setting", "nowhere"), "nowhere: no such file"),
    ],
)
def test_a_wrong_request_is_one_line_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words, message: str
) -> None:
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    (lonely / "submission.py").write_text('HYPERPARAMETERS = {"x": {"meaning": "any"}}\n')
    (lonely / "submission.yaml").write_text(
        "name: lonely\nauthors: [the tests]\ndescription: No space.\n"
        "batch_sizes: {mini: {mnist: 64}}\ntuning: {default: {points: [{x: 1}]}}\n"
    )
    assert kit("calibrate", *words, "--output", "output") == 2
    error = capsys.readouterr().err
    assert error.count("Error: ") == 1
    assert message in error.strip().splitlines()[-1]
    assert not (tmp_path / "output").exists()


TARGET = SimpleNamespace(metric="accuracy", higher_is_better=True)


def stage(name: str, count: int) -> tuple[Any, list[TrialId]]:
    tuning = name == TUNING
    trial_ids = [
        TrialId("mini", "racer", "mnist", None, 1 if tuning else i, i if tuning else 1)
        for i in range(1, count + 1)
    ]
    return (
        SimpleNamespace(
            submission=SimpleNamespace(name="racer"),
            ruleset=SimpleNamespace(name=name),
            parts=[SimpleNamespace(label="mnist", rules=SimpleNamespace(target=TARGET))],
        ),
        trial_ids,
    )


def board(trial_ids: list[TrialId], states: dict[int, TrialState | None]) -> Board:
    return board_of(trial_ids, {trial_ids[i]: [Attempt(1, states[i])] for i in states}, 20)


def evaluated(value: object) -> dict[str, Any]:
    return {"event": "evaluated", "metrics": {"validation/accuracy": value}}


def test_a_log_has_a_line_for_each_start_and_end_and_a_sign_of_life() -> None:
    out, clock = io.StringIO(), [0.0]
    view = CalibrationView(out, steps=3000, now=lambda: clock[0])
    ours, trial_ids = stage(TUNING, 2)
    view.begun(ours, board(trial_ids, {}))
    view.started(Run(trial_ids[0]), 1)
    for value in (0.5, 0.75, "nan", 0.625):
        view.event(Run(trial_ids[0]), evaluated(value))
    clock[0] = 31.0
    view.event(Run(trial_ids[0]), {"event": "progress", "step": 1200})
    view.ended(Run(trial_ids[0]), board(trial_ids, {0: TrialState.COMPLETED_WITHOUT_TARGET}))
    view.started(Run(trial_ids[1]), 2)
    view.event(Run(trial_ids[1]), {"event": "note", "message": "no \x1b[31mbwrap"})
    clock[0] = 62.0
    view.event(Run(trial_ids[1]), {"event": "progress", "step": 0})
    view.ended(Run(trial_ids[1]), board(trial_ids, {1: TrialState.FAILED}))
    view.ended(Run(trial_ids[1]), board(trial_ids, {1: None}))
    view.close()
    assert out.getvalue().splitlines() == [
        "racer: 2 trials of 3,000 steps on mnist, 0 finished",
        "racer, trial 1 of 2: started",
        "racer, trial 1 of 2: step 1,200 of 3,000, best validation accuracy 0.7500",
        "racer, trial 1 of 2: best validation accuracy 0.7500",
        "racer, trial 2 of 2: started, attempt 2",
        "no \\x1b[31mbwrap",
        "racer, trial 2 of 2: step 0 of 3,000, not evaluated yet",
        "racer, trial 2 of 2: failed: counts as the worst result",
        "racer, trial 2 of 2: interrupted",
    ]


def test_repetitions_are_called_seeds() -> None:
    out = io.StringIO()
    view = CalibrationView(out, steps=3000)
    ours, trial_ids = stage(SEEDS, 3)
    view.begun(ours, board(trial_ids, {0: TrialState.COMPLETED_WITHOUT_TARGET}))
    view.started(Run(trial_ids[2]), 1)
    assert out.getvalue().splitlines() == [
        "racer: 3 repetitions of 3,000 steps on mnist, 1 finished",
        "racer, best setting, seed 3 of 3: started",
    ]


def test_the_end_shows_tuning_repetitions_and_what_follows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = question()
    runs = [
        run(0.1, 0.7, number=1),
        run(0.1, 0.8, 0.9, test=[0, 0.75, 0.8], number=2),
        run(math.nan, number=3, state=TrialState.FAILED),
    ]
    print_calibration(asked, answer(asked, runs), tmp_path / "output")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "Targets of mnist are set.",
        "nadamw 1 of 1 0.5000 0.5000 best setting, trial 1",
        "1 0.7000 100 0.7000 10.0 s",
        "2 0.9000 100 0.7500 10.0 s",
        "3 failed missed 10.0 s failed",
        "validation target ≥ 0.7 median of best; 2 of 3 seeds reach it",
        "test target ≥ 0.7 the worst of these where they reach it",
        "maximum runtime 13.4 s 1.333 × median submission time",
        "step hint 400 1.333 × 300 steps",
        "To paste into a ruleset: output/fragment.yaml",
    ):
        assert line in lines, lines


@pytest.mark.slow  # a minute: five real trials
@pytest.mark.timeout(600)
def test_a_real_calibration_of_mnist(
    tmp_path: Path, mnist_data: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        *("calibrate", *MNIST, "--submissions", "adamw", "--trials", "2", "--seeds", "2"),
        *("--steps", "150", "--evaluations", "3", "--output", "output", "--json"),
    )
    assert kit(*words) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert {json.loads(line)["event"] for line in captured.err.splitlines()} >= {"evaluated"}
    assert found == json.loads((tmp_path / "output" / "calibration.json").read_text())
    runs = found["tuning"] + found["repetitions"]
    assert [r["state"] for r in runs] == ["completed_without_target"] * 4
    best = max(r["best_validation"] for r in found["tuning"])
    assert best == found["setting"]["best_validation"] > 0.5
    values = [r["best_validation"] for r in found["repetitions"]]
    assert found["target"]["validation"] <= sum(values) / 2
    assert found["target"]["test"] > 0.5
    assert found["step_hint"] == 200
    curve = (tmp_path / "output" / runs[0]["folder"] / "evaluations.csv").read_text()
    assert [line.split(",")[1] for line in curve.splitlines()[1:]] == ["1", "50", "100", "150"]
    assert kit("verify", "output/results") == 0
    capsys.readouterr()
    assert kit(*words) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert len(Ledger(tmp_path / "output" / "results" / LEDGER).attempts()) == 4
