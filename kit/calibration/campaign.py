"""A calibration on disk: what its stages run, and what their records say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kit.calibration.derived import Stage, Steps, derived_ruleset, derived_submission, settle
from kit.calibration.runs import CalibrationRun, run_of
from kit.records.files import read_record
from kit.records.signing import SigningKey
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import Submission, load_submission
from kit.study.assignment import Assignment, assign
from kit.study.evidence import Evidence
from kit.study.owed import Board, Standing

TUNING, SEEDS = "target-setting-tuning", "target-setting-seeds"

RunTrials = Callable[[Evidence], Board]


@dataclass(frozen=True)
class Campaign:
    """What a calibration is about, and the folder that holds all of it."""

    ruleset: Ruleset
    workload: str
    variant: str | None
    steps: Steps
    output: Path
    key: SigningKey

    @property
    def results(self) -> Path:
        """Return the folder of records and the ledger."""
        return self.output / "results"

    def tune(
        self, submission: Submission, points: Sequence[Mapping[str, Any]], run: RunTrials
    ) -> list[CalibrationRun] | None:
        """Run one trial for each point; return all, or None where a signal ended it."""
        stage = Stage(TUNING, studies=1, trials=len(points))
        return self._carry_out(stage, submission, points, run)

    def repeat(
        self, submission: Submission, point: Mapping[str, Any], seeds: int, run: RunTrials
    ) -> list[CalibrationRun] | None:
        """Run one point with several seeds: studies of one trial, which never share a seed."""
        return self._carry_out(Stage(SEEDS, studies=seeds, trials=1), submission, [point], run)

    def _carry_out(
        self,
        stage: Stage,
        submission: Submission,
        points: Sequence[Mapping[str, Any]],
        run: RunTrials,
    ) -> list[CalibrationRun] | None:
        evidence = Evidence(self._assignment(stage, submission, points), self.results, self.key)
        board = run(evidence)
        if board.owed:
            return None
        runs = [self._run(number, s) for number, s in enumerate(board.standings, start=1)]
        # A run that left no record has no point of its own.
        listed = [points[s.id.trial - 1] for s in board.standings]
        return [
            replace(r, hyperparameters=dict(point)) for r, point in zip(runs, listed, strict=True)
        ]

    def _assignment(
        self, stage: Stage, submission: Submission, points: Sequence[Mapping[str, Any]]
    ) -> Assignment:
        path = self.output / "rules" / f"{stage.ruleset}.yaml"
        folder = self.output / "submissions" / stage.ruleset / submission.name
        files = derived_submission(submission, stage, points)
        rules = derived_ruleset(
            self.ruleset, stage, workload=self.workload, variant=self.variant, steps=self.steps
        )
        settle({path: rules, **{folder / name: files[name] for name in files}}, self.output)
        ruleset = load_ruleset(path)
        assignment = assign(
            ruleset,
            load_submission(folder, ruleset.submission_limits),
            workloads=[self.workload],
            held_out={} if self.variant is None else {self.workload: self.variant},
        )
        own = tuple(part for part in assignment.parts if part.variant == self.variant)
        return replace(assignment, parts=own)

    def _run(self, number: int, standing: Standing) -> CalibrationRun:
        decided = standing.decided
        result = decided.result if decided else None
        if decided is None or result is None:
            state = decided.state if decided else None
            return CalibrationRun(standing.id.submission, number, {}, state)
        record, evaluations = read_record(Path(result.folder))
        return run_of(
            record,
            evaluations,
            number=number,
            attestation_sha256=result.attestation_sha256,
            folder=str(Path(result.folder).relative_to(self.output)),
        )
