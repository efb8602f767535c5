"""Read the compact table: one CSV file, or CSV.gz, with a row for every evaluation of every trial.

Columns: submission, study, workload, trial, global_step, accumulated_submission_time, value (the
validation metric that the target is set on) and, optionally, framework. The rows of a trial stand
together; the order of trials is that in which the reference scorer saw them, which breaks its ties.
A trial that was never measured has no row, so it is missing.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from kit.errors import InvalidFile
from kit.scoring.reading.batch import Batch, Curve, LeftOut, not_numbers
from kit.scoring.reading.columns import (
    Table,
    check_increasing,
    count_not_finite,
    metrics,
    numbers,
    parse_table,
)
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import Slot, judge

COLUMNS = (
    "submission",
    "study",
    "workload",
    "trial",
    "global_step",
    "accumulated_submission_time",
    "value",
)
_NUMBER = re.compile(r"(?:study_|trial_)?(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class _Block:
    """The rows of one trial: from `start` up to `end`, counted from 0."""

    key: tuple[str, str, str, str, str]  # submission, study, workload, trial, framework
    start: int
    end: int


def is_compact(path: Path) -> bool:
    """Tell whether a file is a compact table, by its header."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.readline(4096).decode("utf-8", "replace").strip().split(",")
    except (OSError, EOFError, zlib.error):
        return False
    return set(COLUMNS) <= set(header)


def read_compact(path: Path, rules: ScoringRules) -> Batch:
    """Read the trials of a compact table.

    Raises:
        InvalidFile: names the file and row of what cannot be read.
    """
    table = parse_table(_content(path), str(path))
    if table is None:
        raise InvalidFile(f"{path}: holds no evaluation. Give a table with a row for each.")
    seconds = numbers(table.column(COLUMNS[5]), file=table.file, column=COLUMNS[5])
    steps = numbers(table.column(COLUMNS[4]), file=table.file, column=COLUMNS[4])
    values = metrics(table.column("value"), file=table.file, column="value")
    left_out = LeftOut(rules)
    submissions, trials, lost = set(), [], []
    curves: dict[Slot, Curve] = {}
    for block in _blocks(table):
        first, part = block.start + 2, slice(block.start, block.end)
        check_increasing(seconds[part], file=table.file, column=COLUMNS[5], first=first)
        check_increasing(steps[part], file=table.file, column=COLUMNS[4], first=first)
        submission, study, workload, trial, _ = block.key
        submissions.add(submission)
        key = left_out.key_of(workload)
        if key is None:
            continue
        slot = Slot(submission, *key, _count(study, table, first), _count(trial, table, first))
        source = f"{path}, row {first}"
        trials.append(judge(slot, seconds[part], values[part], rules.goals[key], source=source))
        curves[slot] = Curve(seconds[part], steps[part], values[part])
        lost.append(count_not_finite(values[part]))
    notices = left_out.notices() + not_numbers(sum(lost), sum(map(bool, lost)))
    return Batch(tuple(trials), tuple(sorted(submissions)), tuple(notices), curves)


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidFile(
            f"{path}: cannot be read: {error}. Restore the file from a copy."
        ) from None


def _blocks(table: Table) -> Iterator[_Block]:
    """Yield each trial's rows; refuse a trial whose rows stand in two places."""
    columns = [table.column(name) for name in COLUMNS[:4]]
    columns.append(table.column("framework") if "framework" in table.header else [""] * table.rows)
    keys = list(zip(*columns, strict=True))
    changes = [n for n, (a, b) in enumerate(pairwise(keys), 1) if a != b]
    seen: dict[tuple[str, ...], int] = {}
    for start, end in zip([0, *changes], [*changes, table.rows], strict=True):
        submission, study, workload, trial, framework = keys[start]
        identity = (submission, study, workload, trial)
        if identity in seen:
            raise InvalidFile(
                f"{table.file}: row {start + 2}: the trial {submission}, {workload}, {study}, "
                f"trial {trial} is there twice, first in row {seen[identity]}. Remove one of them."
            )
        seen[identity] = start + 2
        yield _Block((*identity, framework), start, end)


def _count(text: str, table: Table, row: int) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InvalidFile(
            f"{table.file}: row {row}: a study or trial must be a number such as 3 or study_3. "
            f"Received: {text[:80]!r}. Correct it, then score again."
        )
    return int(match[1])
