"""A calibration is ordinary trials: signed, resumed where it stood, nothing done twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kit import paths
from kit.calibration.procedure import DOCUMENT, FRAGMENT, Asked, prepare
from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.planning.request import Execution
from kit.records.ledger import LEDGER, Ledger
from kit.records.record import TrialState
from kit.study.evidence import Evidence
from kit.study.owed import Board
from kit.study.runner import Study, run_study
from kit.study.scheduling import InOrder
from tests.study.conftest import NoSignals, Told, untrained_executor, write_racer

SPACES = "mini: {racer: {learning_rate: {min: 0.05, max: 0.2, scaling: log}}}\n"
COMPLETED = "completed_without_target"


def asked(home: Path, **changes: object) -> Asked:
    """Return a request for two trials and two seeds of the tests' submission."""
    defaults = Asked(
        workload="mnist",
        variant=None,
        ruleset="mini",
        submissions=(str(home / "racer"),),
        trials=2,
        seeds=2,
        steps=40,
        evaluations=2,
        slack=1.5,
        spaces=home / "spaces.yaml",
        setting=None,
        output=home / "output",
    )
    return replace(defaults, **changes)  # type: ignore[arg-type]


def run_untrained(evidence: Evidence) -> Board:
    """Run the trials of a stage without training anything."""
    plan = evidence.planner(Execution(isolation="process"), evaluate_at_steps=(1, 40))
    with untrained_executor() as executor:
        study = Study(evidence, plan, InOrder(), executor)
        return run_study(study, observer=Told(), signals=NoSignals())


@pytest.fixture
def home(tmp_path: Path, mnist_data: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STATE", COMPLETED)
    write_racer(tmp_path / "racer")
    (tmp_path / "spaces.yaml").write_text(SPACES)
    return tmp_path


def started(home: Path) -> list[tuple[str, int, int, int]]:
    """Return stage, study, trial and attempt of everything that was started, in order."""
    attempts = Ledger(home / "output" / "results" / LEDGER).attempts()
    found = [a.identification for a in attempts]
    return [(w.ruleset.removeprefix("target-setting-"), w.study, w.trial, w.attempt) for w in found]


ALL = [("tuning", 1, 1, 1), ("tuning", 1, 2, 1), ("seeds", 1, 1, 1), ("seeds", 2, 1, 1)]


def test_a_calibration_runs_both_stages_and_again_nothing(home: Path) -> None:
    prepared = prepare(asked(home))
    answer = prepared.carry_out(run_untrained)
    assert answer is not None
    assert started(home) == ALL
    assert answer.setting.number == 1  # of equal ones the first
    assert answer.targets.best == (0.1, 0.1)
    assert answer.targets.test is None
    assert {run.hyperparameters["learning_rate"] for run in answer.repetitions} == {
        answer.tuning[0].hyperparameters["learning_rate"]
    }
    first, second = (home / "output" / run.folder for run in answer.repetitions)
    assert first != second
    content = prepared.write(answer)
    assert content["circumstances"]["records"] == 4
    written = {name: (home / "output" / name).read_bytes() for name in (DOCUMENT, FRAGMENT)}

    again = prepare(asked(home))
    same = again.carry_out(run_untrained)
    assert same is not None
    again.write(same)
    assert started(home) == ALL
    assert {name: (home / "output" / name).read_bytes() for name in written} == written
    verify(home)


def verify(home: Path) -> None:
    """Check the evidence as a stranger would."""
    command = [sys.executable, "-c", "from kit.cli.main import main; main()", "verify"]
    results = str(home / "output" / "results")
    done = subprocess.run([*command, results], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


KILLED = """
from pathlib import Path
from kit.calibration.procedure import prepare
from tests.calibration.test_campaign import asked, run_untrained
prepare(asked(Path({home!r}))).carry_out(run_untrained)
"""


def kill_after(home: Path, trials: int) -> None:
    """Kill a calibration when so many of its trials have ended and the next one runs."""
    environment = {**os.environ, "SECONDS": "0.5"}
    command = [sys.executable, "-c", KILLED.format(home=str(home))]
    with subprocess.Popen(command, cwd=paths.PROJECT, env=environment) as process:
        while len(ended(home)) < trials:
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.02)
        process.kill()


def test_a_killed_calibration_goes_on_and_repeats_nothing_finished(home: Path) -> None:
    kill_after(home, 1)  # while it tunes
    finished = ended(home)
    kill_after(home, 3)  # while it repeats the best setting
    finished |= ended(home)
    answer = prepare(asked(home)).carry_out(run_untrained)
    assert answer is not None
    attempts = started(home)
    assert [a for a in attempts if a[3] == 1] == ALL
    assert not {a[:3] for a in attempts if a[3] > 1} & finished
    assert len(answer.repetitions) == 2
    verify(home)


def ended(home: Path) -> set[tuple[str, int, int]]:
    ledger = Ledger(home / "output" / "results" / LEDGER)
    return {
        (w.ruleset.removeprefix("target-setting-"), w.study, w.trial)
        for w in (a.identification for a in ledger.attempts() if a.state is not None)
    }


def test_a_run_that_fails_is_a_worst_result_and_not_repeated(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", f"{COMPLETED} 1.1=failed")
    prepared = prepare(asked(home, seeds=3))
    answer = prepared.carry_out(run_untrained)
    assert answer is not None
    assert [run.state for run in answer.tuning] == [
        TrialState.FAILED, TrialState.COMPLETED_WITHOUT_TARGET
    ]  # fmt: skip
    assert answer.setting.number == 2
    assert answer.targets.best == (float("-inf"), 0.1, 0.1)
    assert answer.targets.reaching == 2


def test_a_given_setting_skips_the_tuning_and_runs_a_variant(home: Path) -> None:
    (home / "setting.yaml").write_text(
        "submission: adamw\n"
        "hyperparameters:\n"
        "  {learning_rate: 0.25, one_minus_beta1: 0.1, beta2: 0.99, weight_decay: 0.1}\n"
    )
    given = asked(
        home, setting=home / "setting.yaml", seeds=1, workload="imagenet_resnet", variant="silu"
    )
    prepared = prepare(given)
    boards = []

    def run(evidence: Evidence) -> Board:
        boards.append(evidence.board())
        return boards[-1]

    assert prepared.carry_out(run) is None  # nothing was run
    (board,) = boards
    trial_ids = [standing.id for standing in board.standings]
    assert trial_ids == [TrialId("target-setting-seeds", "adamw", "imagenet_resnet", "silu", 1, 1)]
    assert prepared.question.setting_from is not None
    assert prepared.campaign.output == home / "output"


def test_another_request_for_the_same_folder_is_refused_before_anything_runs(home: Path) -> None:
    def nothing(evidence: Evidence) -> Board:
        return evidence.board()

    prepare(asked(home)).carry_out(nothing)
    for changes in ({"trials": 3}, {"steps": 41}, {"evaluations": 3}):
        with pytest.raises(UsageError, match="begun with other settings"):
            prepare(asked(home, **changes)).carry_out(nothing)
    assert prepare(asked(home, slack=2.0)).carry_out(nothing) is None
