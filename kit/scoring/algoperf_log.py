"""Write records in AlgoPerf's own log layout, so that its scorer can read them.

`<submission>/study_<i>/<workload>_jax/trial_<j>/` with `hparams.json`, `eval_measurements.csv` and
`measurements.csv`. Its scorer insists on the suffix `_jax` or `_pytorch`; nothing here was trained
with JAX. `preemption_count` is 0, the numbers of examples are left out, and `measurements.csv`,
which has no counterpart here, repeats the evaluations.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import UsageError
from kit.records.atomic import disk_errors
from kit.records.record import NANOSECONDS, Evaluation, Segment, TrialRecord

FRAMEWORK = "jax"
HPARAMS, EVALUATIONS, MEASUREMENTS = "hparams.json", "eval_measurements.csv", "measurements.csv"
FIXED_COLUMNS = (
    "accumulated_eval_time",
    "accumulated_logging_time",
    "accumulated_submission_time",
    "global_step",
    "preemption_count",
    "score",
    "total_duration",
)


@dataclass(frozen=True)
class LoggedTrial:
    """One trial to write."""

    record: TrialRecord
    evaluations: Sequence[Evaluation]

    def folder(self, root: Path) -> Path:
        """Return where the trial goes below `root`."""
        record = self.record
        label = f"{record.id.label}_{FRAMEWORK}"
        return root.joinpath(
            record.submission, f"study_{record.study}", label, f"trial_{record.trial}"
        )


def write_log(trials: Sequence[LoggedTrial], root: Path) -> None:
    """Write all trials below `root`, which must be new or empty.

    Raises:
        UsageError: `root` holds something, or two trials would go to one folder.
        TrialError: the disk is full, or `root` cannot be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is not an empty folder. Choose a new one with --out.")
    folders = [trial.folder(root) for trial in trials]
    twice = {str(folder) for folder in folders if folders.count(folder) > 1}
    if twice:
        raise UsageError(
            f"Two trials would be written to {min(twice)}. Give one ruleset at a time."
        )
    for trial, folder in zip(trials, folders, strict=True):
        with disk_errors(folder):
            folder.mkdir(parents=True)
            for name, content in log_files(trial).items():
                (folder / name).write_text(content, encoding="utf-8")


def log_files(trial: LoggedTrial) -> dict[str, str]:
    """Return the content of the three files of a trial."""
    table = evaluation_table(trial)
    hyperparameters = json.dumps(trial.record.hyperparameters, sort_keys=True, allow_nan=False)
    return {HPARAMS: hyperparameters + "\n", EVALUATIONS: table, MEASUREMENTS: table}


def evaluation_table(trial: LoggedTrial) -> str:
    """Return `eval_measurements.csv`: floats as their shortest exact decimal, NaN as empty."""
    metrics = sorted({name for e in trial.evaluations for name in e.metrics})
    lines = [",".join([*FIXED_COLUMNS, *metrics])]
    evaluation_ns = 0
    for row in trial.evaluations:
        evaluation_ns += row.evaluation_ns
        end_ns = row.total_ns + row.evaluation_ns
        submission_seconds = row.submission_seconds
        cells: list[float] = [
            evaluation_ns / NANOSECONDS,
            _logging_ns(trial.record.segments, end_ns) / NANOSECONDS,
            submission_seconds,
            row.step,
            0,
            submission_seconds,
            end_ns / NANOSECONDS,
            *(row.metrics.get(name, math.nan) for name in metrics),
        ]
        lines.append(",".join(map(_cell, cells)))
    return "\n".join(lines) + "\n"


def _logging_ns(segments: Sequence[Segment], before_ns: int) -> int:
    return sum(
        segment.end_ns - segment.start_ns
        for segment in segments
        if segment.phase == "logging" and segment.end_ns <= before_ns
    )


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
