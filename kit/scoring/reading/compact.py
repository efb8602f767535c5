"""Read the compact table: one CSV file, or CSV.gz, with a row for every evaluation of every trial.

Columns: submission, study, workload, trial, global_step, accumulated_submission_time, value (the
validation metric that the target is set on) and, optionally, framework; a workload's name may end
in _jax or _pytorch, as AlgoPerf's folders do. The rows of a trial stand together; the order of
trials is that in which the reference scorer saw them, which breaks its ties.
A trial that was never measured has no row, so it is missing.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, count
from operator import ne
from pathlib import Path

from kit.contracts.trial_id import TrialId
from kit.errors import InvalidFile
from kit.scoring.reading.batch import Batch, Curve, LeftOut, not_numbers, out_of_order
from kit.scoring.reading.columns import (
    Table,
    check_increasing,
    count_not_finite,
    metrics,
    numbers,
    parse_table,
)
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import judge

COLUMNS = (
    "submission",
    "study",
    "workload",
    "trial",
    "global_step",
    "accumulated_submission_time",
    "value",
)
_IDENTITY = COLUMNS[:4]  # which trial a row belongs to
_NUMBER = re.compile(r"(?:study_|trial_)?(\d{1,6})", re.ASCII)
_FRAMEWORK = re.compile(r"_(jax|pytorch)$")


@dataclass(frozen=True)
class _Block:
    """The rows of one trial: from `start` up to `end`, counted from 0."""

    key: tuple[str, str, str, str, str]  # submission, study, workload, trial, framework
    start: int
    end: int


def is_compact(path: Path) -> bool:
    """Tell whether a file is meant as a compact table, by its header; columns may be missing."""
    try:
        with gzip.open(path) if _is_packed(path) else path.open("rb") as file:
            header = file.readline(4096).decode("utf-8-sig", "replace")
    except (OSError, EOFError, zlib.error):
        return False
    names = header.strip().replace('"', "").split(",")  # quotes are refused later, by row
    return not set(names).isdisjoint(_IDENTITY)


def read_compact(path: Path, rules: ScoringRules, *, as_present: bool = False) -> Batch:
    """Read the trials of a compact table.

    Args:
        path: the table.
        rules: decide what counts.
        as_present: use rows whose time or step falls, and note them, instead of refusing them.

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
    curves: dict[TrialId, Curve] = {}
    tolerated: list[str] = []
    kept = tolerated if as_present else None
    for block in _blocks(table):
        first, part = block.start + 2, slice(block.start, block.end)
        for cells, column in ((seconds, COLUMNS[5]), (steps, COLUMNS[4])):
            check_increasing(
                cells[part], file=table.file, column=column, first=first, tolerated=kept
            )
        submission, study, workload, trial, _ = block.key
        submissions.add(submission)
        key = left_out.key_of(_FRAMEWORK.sub("", workload))
        if key is None:
            continue
        trial_id = TrialId(
            rules.ruleset,
            submission,
            *key,
            _count(study, table, first),
            _count(trial, table, first),
        )
        source = f"{path}, row {first}"
        trials.append(judge(trial_id, seconds[part], values[part], rules.goals[key], source=source))
        curves[trial_id] = Curve(seconds[part], steps[part], values[part])
        lost.append(count_not_finite(values[part]))
    notices = left_out.notices() + out_of_order(tolerated)
    notices += not_numbers(sum(lost), sum(map(bool, lost)))
    return Batch(tuple(trials), tuple(sorted(submissions)), tuple(notices), curves)


def _is_packed(path: Path) -> bool:
    """Tell whether a file is gzip's by what it holds: a browser unpacks one and keeps its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if _is_packed(path) else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidFile(
            f"{path}: cannot be read: {error}. Restore the file from a copy."
        ) from None


def _blocks(table: Table) -> Iterator[_Block]:
    """Yield each trial's rows; refuse a trial whose rows stand in two places."""
    columns = [table.column(name) for name in _IDENTITY]
    columns.append(table.column("framework") if "framework" in table.header else [""] * table.rows)
    changes = sorted({n for column in columns for n in _changes(column)})
    seen: dict[tuple[str, ...], int] = {}
    for start, end in zip([0, *changes], [*changes, table.rows], strict=True):
        submission, study, workload, trial, framework = (column[start] for column in columns)
        identity = (submission, study, workload, trial)
        if identity in seen:
            raise InvalidFile(
                f"{table.file}: row {start + 2}: the trial {submission}, {workload}, {study}, "
                f"trial {trial} is there twice, first in row {seen[identity]}. Remove one of them; "
                "or, if these are rows of one trial, sort the table so that they stand together."
            )
        seen[identity] = start + 2
        yield _Block((*identity, framework), start, end)


def _changes(column: Sequence[str]) -> Iterator[int]:
    """Yield the positions of cells that differ from the one before."""
    return compress(count(1), map(ne, column, column[1:]))


def _count(text: str, table: Table, row: int) -> int:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise InvalidFile(
            f"{table.file}: row {row}: a study or trial must be a number such as 3 or study_3. "
            f"Received: {text[:80]!r}. Correct it, then score again."
        )
    return int(match[1])
