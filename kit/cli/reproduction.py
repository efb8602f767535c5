"""A record, its rerun, and what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kit.records.curves import CurveComparison, compare_curves
from kit.records.environments import (
    Difference,
    doubts_about_bits,
    environment_differences,
    xla_difference,
)
from kit.records.record import TrialState

if TYPE_CHECKING:
    from kit.records.findings import VerificationReport
    from kit.records.record import TrialRecord
    from kit.referee.events import Outcome

# A choice, not a measurement: where bits cannot be expected to come out again, curves that stay
# this close are called equal unless the user says otherwise.
DEFAULT_TOLERANCE = 0.05
STOPPED = (TrialState.FAILED, TrialState.RULE_VIOLATION, TrialState.INTERRUPTED)


@dataclass(frozen=True)
class Reproduction:
    """A record, its rerun, and what they have in common."""

    report: VerificationReport
    record: TrialRecord
    outcome: Outcome
    curves: CurveComparison
    differences: tuple[Difference, ...]  # of the environments
    doubts: tuple[str, ...]  # why bits cannot be expected to come out again
    tolerance: float
    given: bool  # the user gave the tolerance
    time_ratio: float | None  # rerun's submission time over the record's, at the last common step
    kept: bool  # the rerun's record was

    @classmethod
    def of(
        cls,
        report: VerificationReport,
        outcome: Outcome,
        *,
        environments: tuple[Mapping[str, Any], Mapping[str, Any]],
        tolerance: float | None,
        kept: bool,
    ) -> Reproduction:
        """Compare a record with its rerun; `environments` are theirs, in this order."""
        if report.record is None:
            raise ValueError("A record that was not read cannot be reproduced.")
        differences = environment_differences(*environments)
        reports = [one.trainer_report.xla for one in (report.record, outcome.record)]
        xla = xla_difference(*reports)
        differences = (*differences, xla) if xla else differences
        doubts = tuple(doubts_about_bits(*environments, differences))
        default = DEFAULT_TOLERANCE if doubts else 0.0
        return cls(
            report=report,
            record=report.record,
            outcome=outcome,
            curves=compare_curves(report.evaluations, outcome.evaluations),
            differences=differences,
            doubts=doubts,
            tolerance=default if tolerance is None else tolerance,
            given=tolerance is not None,
            time_ratio=_time_ratio(report, outcome),
            kept=kept,
        )

    @property
    def equal(self) -> bool:
        """Tell whether the curves are equal within the tolerance.

        A rerun whose metric is within the tolerance may reach the target an evaluation earlier and
        end there.
        """
        if self.curves.bitwise:
            return True
        if self.tolerance == 0 or self.outcome.record.state in STOPPED:
            return False
        complete = not self.curves.missing_steps
        early = self.outcome.record.state is TrialState.TARGET_REACHED
        return (complete or early) and self.curves.largest <= self.tolerance


def _time_ratio(report: VerificationReport, outcome: Outcome) -> float | None:
    recorded = {e.step: e.submission_ns for e in report.evaluations}
    common = [e for e in outcome.evaluations if recorded.get(e.step)]
    return common[-1].submission_ns / recorded[common[-1].step] if common else None
