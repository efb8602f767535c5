"""What a record tells target setting: one run with its curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.records.record import NANOSECONDS, Evaluation, TrialRecord, TrialState


@dataclass(frozen=True)
class Point:
    """One evaluation of a run; metrics may be NaN."""

    step: int
    submission_seconds: float
    evaluation_seconds: float
    validation: float
    test: float | None  # None: the workload has no such metric on the test split


@dataclass(frozen=True)
class CalibrationRun:
    """One run of target setting: a trial of the tuning, or a repetition with another seed."""

    submission: str
    number: int  # the trial, or the repetition, counted from 1
    hyperparameters: Mapping[str, Any]
    state: TrialState | None  # None: it was interrupted too often to come to an end
    curve: tuple[Point, ...] = ()
    attestation_sha256: str | None = None
    folder: str = ""

    @property
    def trained_to_the_end(self) -> bool:
        """Tell whether the run used its steps up, or finished by itself."""
        return self.state is TrialState.COMPLETED_WITHOUT_TARGET

    @property
    def submission_seconds(self) -> float:
        """Return the submission time at the last evaluation."""
        return self.curve[-1].submission_seconds if self.curve else 0.0

    def best(self, *, higher_is_better: bool) -> float:
        """Return the best validation metric; the worst value there is for a run that failed.

        A run that did not train to its end, or has no finite value, is a worst result, not an
        error. A run that diverged late keeps what it reached before, as in the published
        procedure, which takes the best value and not the last.
        """
        values = [p.validation for p in self.curve if math.isfinite(p.validation)]
        if not values or not self.trained_to_the_end:
            return -math.inf if higher_is_better else math.inf
        return max(values) if higher_is_better else min(values)

    def first_reaching(self, target: float, *, higher_is_better: bool) -> Point | None:
        """Return the first evaluation that reaches a validation target."""
        if not self.trained_to_the_end:
            return None
        reached = (
            p
            for p in self.curve
            if (p.validation >= target if higher_is_better else p.validation <= target)
        )
        return next(reached, None)


def run_of(
    record: TrialRecord,
    evaluations: Sequence[Evaluation],
    *,
    number: int,
    attestation_sha256: str,
    folder: str,
) -> CalibrationRun:
    """Return what target setting needs of a record.

    Args:
        record: of the run.
        evaluations: its rows.
        number: the trial, or the repetition, counted from 1.
        attestation_sha256: of the record's attestation.
        folder: where the record lies, as it is to be shown.
    """
    metric = record.rules.target.metric
    return CalibrationRun(
        submission=record.submission,
        number=number,
        hyperparameters=record.hyperparameters,
        state=record.state,
        curve=tuple(
            Point(
                step=e.step,
                submission_seconds=e.submission_seconds,
                evaluation_seconds=e.evaluation_ns / NANOSECONDS,
                validation=e.metrics.get(f"validation/{metric}", math.nan),
                test=e.metrics.get(f"test/{metric}"),
            )
            for e in evaluations
        ),
        attestation_sha256=attestation_sha256,
        folder=folder,
    )
