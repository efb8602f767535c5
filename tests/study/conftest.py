"""A small project, and studies whose trials take a second because nothing is trained."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kit import __version__, paths
from kit.planning.request import Execution
from kit.records.files import UNFINISHED, read_record
from kit.records.ledger import LEDGER, Attempt, Ledger
from kit.records.record import TrialRecord
from kit.records.signing import load_or_create_key
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.assignment import Assignment, assign
from kit.study.evidence import Evidence
from kit.study.executor import Executor, LocalExecutor
from kit.study.owed import Board
from kit.study.runner import Study, run_study
from kit.study.scheduling import InOrder, Run, Scheduler
from tests.records.factory import Results, Trial, make_trial
from tests.rules.conftest import add_submission, project

__all__ = ["add_submission", "project"]

HERE = Path(__file__).parent
RULESET = HERE / "sprint.yaml"
MANIFEST = """\
name: racer
authors: [the tests]
description: Gradient descent.
batch_sizes: {mini: {mnist: 64}}
tuning: {default: {search_space: {learning_rate: {min: 0.05, max: 0.2, scaling: log}}}}
"""
CODE = """\
from kit.contracts import TrainingAlgorithm, Update

HYPERPARAMETERS = {"learning_rate": {"range": (0.0, None), "meaning": "constant"}}


class Racer(TrainingAlgorithm):
    def update(self, params, state, model_state, batch, rng, step):
        result = self.workload.loss_and_gradients(params, model_state, batch, rng)
        rate = self.hyperparameters["learning_rate"]
        moved = [p - rate * g for p, g in zip(params, result.gradients, strict=True)]
        return Update(moved, state, result.model_state)
"""


def write_racer(folder: Path, code: str = CODE) -> Path:
    """Write a submission of plain gradient descent."""
    folder.mkdir(parents=True)
    (folder / "submission.yaml").write_text(MANIFEST)
    (folder / "submission.py").write_text(code)
    return folder


class NoSignals:
    """Nobody asks to end."""

    count = 0

    def received(self) -> str | None:
        return None


@dataclass
class Told:
    """An observer that remembers; `when` is called with what happens."""

    heard: list[tuple[str, Any]] = field(default_factory=list)
    when: Any = None

    def _hear(self, what: str, detail: Any) -> None:
        self.heard.append((what, detail))
        if self.when is not None:
            self.when(what, detail)

    def begun(self, assignment: Assignment, board: Board) -> None:
        self._hear("begun", board)

    def started(self, run: Run, attempt: int) -> None:
        self._hear("started", (run, attempt))

    def event(self, run: Run, fields: Any) -> None:
        self._hear("event", fields)

    def ended(self, run: Run, board: Board) -> None:
        self._hear("ended", run)

    def started_trials(self) -> list[tuple[int, int, int]]:
        """Return study, trial and attempt of what was started."""
        return [
            (run.id.study, run.id.trial, attempt)
            for what, (run, attempt) in [h for h in self.heard if h[0] == "started"]
        ]


def untrained_executor(capacity: int = 1, **variables: str) -> LocalExecutor:
    """Return an executor whose trials end within a second, because nothing is trained."""
    program = [sys.executable, str(HERE / "untrained.py")]
    if variables:
        program = ["env", *(f"{name}={value}" for name, value in variables.items()), *program]
    return LocalExecutor(capacity=capacity, program=program)


@dataclass
class Place:
    """A folder with a submission, a key and results."""

    root: Path

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def submission(self) -> Path:
        return self.root / "racer"

    def evidence(self, *, complete: bool = False, **changes: Any) -> Evidence:
        ruleset = load_ruleset(changes.pop("ruleset", RULESET))
        assignment = assign(
            ruleset, load_submission(self.submission), workloads=["mnist"], **changes
        )
        key = load_or_create_key(paths.config_root())
        return Evidence(assignment, self.results, key, complete=complete)

    def study(
        self, scheduler: Scheduler | None = None, executor: Executor | None = None, **changes: Any
    ) -> Study:
        evidence = self.evidence(**changes)
        plan = evidence.planner(Execution(isolation="process"))
        return Study(evidence, plan, scheduler or InOrder(), executor or untrained_executor())

    def run(
        self,
        observer: Told | None = None,
        signals: Any = None,
        *,
        capacity: int = 1,
        **changes: Any,
    ) -> Board:
        with untrained_executor(capacity) as executor:
            study = self.study(executor=executor, **changes)
            return run_study(study, observer=observer or Told(), signals=signals or NoSignals())

    def attempts(self) -> list[Attempt]:
        return Ledger(self.results / LEDGER).attempts()

    def records(self) -> dict[tuple[int, int, int], TrialRecord]:
        """Return all records by study, trial and attempt."""
        folders = [path.parent for path in self.results.rglob("trial.json")]
        found = [read_record(f)[0] for f in folders if not f.name.endswith(UNFINISHED)]
        return {(r.study, r.trial, r.attempt): r for r in found}

    def verify(self) -> None:
        """Check everything as a stranger would."""
        command = [sys.executable, "-c", "from kit.cli.main import main; main()", "verify"]
        done = subprocess.run(
            [*command, str(self.results)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


class Books(Results):
    """Results of the study in `place`, with records that no referee made."""

    def __init__(self, place: Place) -> None:
        super().__init__(place.root)
        self.assignment: Assignment = place.evidence().assignment
        self.key = load_or_create_key(paths.config_root())

    def trial(self, **fields: object) -> Trial:
        """Return a trial of the study."""
        submission = self.assignment.submission
        rules = make_trial().record.rules.model_copy(
            update={"ruleset": "sprint", "ruleset_sha256": self.assignment.ruleset.sha256}
        )
        own = {"rules": rules, "submission": "racer", "submission_sha256": submission.sha256}
        own["kit_version"] = __version__
        unofficial = {"official": False, "unofficial_reasons": ["it was made up"]}
        return make_trial(**{**own, **unofficial, **fields})  # type: ignore[arg-type]

    def enter(self, **fields: object) -> Trial:
        """Run a trial from start to end."""
        trial = self.trial(**fields)
        self.run(trial, self.assignment.submission.contents)
        return trial


@pytest.fixture
def place(tmp_path: Path, mnist_data: None, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Return a place where nothing has run yet."""
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    write_racer(tmp_path / "racer")
    return Place(tmp_path)
