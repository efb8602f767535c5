"""What finished trials took on this machine, for estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kit.errors import UsageError
from kit.records.files import read_record
from kit.records.record import NANOSECONDS, TrialRecord, TrialState
from kit.scoring.reading.conditions import hardware_of, recorded_environment
from kit.study.assignment import Assignment
from kit.study.estimate import Measure

_NO_MEASURE = (
    TrialState.FAILED,
    TrialState.RULE_VIOLATION,
    TrialState.INTERRUPTED,
    TrialState.STOPPED_EARLY,
)


def total_seconds(record: TrialRecord) -> float:
    """Return how long a trial took on the referee's clock, evaluations and set-up included."""
    return max((segment.end_ns for segment in record.segments), default=0) / NANOSECONDS


def measures_of(
    results: Path, assignment: Assignment, machine: Mapping[str, object]
) -> dict[str, list[Measure]]:
    """Return what finished trials of the same workloads took on this machine.

    Those of the same submission where there are any, otherwise of all. Records are read, not
    verified: an estimate decides nothing.

    Args:
        results: folder of all records.
        assignment: names ruleset, submission and workloads.
        machine: a description as `environment.json` has it.
    """
    root, own = results / assignment.ruleset.name, assignment.submission.name
    found: dict[str, list[Measure]] = {}
    for part in assignment.parts:
        pattern = f"{part.label}/study_*/trial_*"
        taken = list(_measures(sorted(root.glob(f"{own}/{pattern}")), machine))
        taken = taken or list(_measures(sorted(root.glob(f"*/{pattern}")), machine))
        found[part.label] = taken
    return found


def _measures(folders: Iterable[Path], machine: Mapping[str, object]) -> Iterable[Measure]:
    here = hardware_of(machine)
    for folder in folders:
        try:
            record, _ = read_record(folder)
        except UsageError:
            continue
        if record.state in _NO_MEASURE or hardware_of(recorded_environment(folder)) != here:
            continue
        yield Measure(record.submission_seconds, total_seconds(record))
