"""Read AlgoPerf's own logs: `<submission>/study_<i>/<workload>_<framework>/trial_<j>/`.

| what a folder may hold | what happens |
|---|---|
| a trial without `eval_measurements.csv` | missing: counts as missed; counted in a notice |
| a file that is empty, or has a header only | no evaluation: missed; named in a notice |
| a workload that the ruleset does not have, or does not score | left out; named in a notice |
| a folder of another name | left out; named in a notice |
| the same trial of two frameworks | refused |
| a file that does not parse | refused by file and row, see `columns` |

Trials are read in the order of their numbers: the order in which a file system lists them, by which
the reference scorer breaks ties, is not reproducible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kit.contracts.trial_id import TrialId
from kit.errors import InvalidFile, UsageError
from kit.scoring.reading.batch import Batch, Curve, LeftOut, not_numbers, out_of_order
from kit.scoring.reading.columns import (
    check_increasing,
    count_not_finite,
    metrics,
    numbers,
    parse_table,
)
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import Goal, TrialResult, judge

EVALUATIONS = "eval_measurements.csv"
SECONDS, STEP = "accumulated_submission_time", "global_step"
_STUDY = re.compile(r"study_(\d{1,6})", re.ASCII)
_TRIAL = re.compile(r"trial_(\d{1,6})", re.ASCII)
_WORKLOAD = re.compile(r"(.+)_(jax|pytorch)", re.ASCII)


@dataclass
class _Found:
    """What was read so far."""

    left_out: LeftOut
    trials: list[TrialResult] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    unmeasured: int = 0
    lost: list[int] = field(default_factory=list)
    curves: dict[TrialId, Curve] = field(default_factory=dict)
    tolerated: list[str] | None = None  # takes rows out of order; None: they are refused


def is_layout(path: Path) -> bool:
    """Tell whether a folder is one submission's log, or holds such folders."""
    return any(_has_studies(folder) for folder in (path, *_folders(path)))


def read_layout(path: Path, rules: ScoringRules, *, as_present: bool = False) -> Batch:
    """Read all trials below a submission's folder, or a folder of such.

    Args:
        path: the folder.
        rules: decide what counts.
        as_present: use rows whose time or step falls, and note them, instead of refusing them.

    Raises:
        UsageError: nothing is there.
        InvalidFile: names file and row of what cannot be read.
    """
    submissions = [path] if _has_studies(path) else list(filter(_has_studies, _folders(path)))
    if not submissions:
        raise UsageError(
            f"{path} holds no log: expected <submission>/study_<i>/<workload>_<framework>/"
            "trial_<j>/. Give the folder above the submissions."
        )
    found = _Found(LeftOut(rules), tolerated=[] if as_present else None)
    for folder in submissions:
        for study, study_folder in _numbered(folder, _STUDY, found):
            _read_study(folder.resolve().name, study, study_folder, rules, found)
    notices = [*found.notices, *found.left_out.notices()]
    if found.unmeasured:
        notices.append(f"{found.unmeasured} trial folders hold no {EVALUATIONS}: never measured.")
    notices += out_of_order(found.tolerated or [])
    notices += not_numbers(sum(found.lost), sum(map(bool, found.lost)))
    names = tuple(sorted(folder.resolve().name for folder in submissions))
    return Batch(tuple(found.trials), names, tuple(notices), found.curves)


def _read_study(
    submission: str, study: int, folder: Path, rules: ScoringRules, found: _Found
) -> None:
    for workload_folder in _folders(folder):
        match = _WORKLOAD.fullmatch(workload_folder.name)
        if match is None:
            found.notices.append(
                f"Left out: {workload_folder}: not named <workload>_jax or <workload>_pytorch."
            )
            continue
        for trial, trial_folder in _numbered(workload_folder, _TRIAL, found):
            key = found.left_out.key_of(match[1])
            if key is None:
                continue
            if not (trial_folder / EVALUATIONS).exists():
                found.unmeasured += 1
                continue
            trial_id = TrialId(rules.ruleset, submission, *key, study, trial)
            found.trials.append(
                _read_trial(trial_id, trial_folder / EVALUATIONS, rules.goals[key], found)
            )


def _read_trial(trial_id: TrialId, path: Path, goal: Goal, found: _Found) -> TrialResult:
    file = str(path)
    try:
        table = parse_table(path.read_bytes(), file)
    except OSError as error:
        raise InvalidFile(f"{file}: {error.strerror}. Restore the file from a copy.") from None
    if table is None:
        found.notices.append(f"{file}: holds no evaluation; the trial counts as missed.")
        return judge(trial_id, [], [], goal, source=file)
    value = f"validation/{goal.target.metric}"
    seconds = numbers(table.column(SECONDS), file=file, column=SECONDS)
    steps = numbers(table.column(STEP), file=file, column=STEP)
    values = metrics(table.column(value), file=file, column=value)
    check_increasing(seconds, file=file, column=SECONDS, tolerated=found.tolerated)
    check_increasing(steps, file=file, column=STEP, tolerated=found.tolerated)
    found.curves[trial_id] = Curve(seconds, steps, values)
    found.lost.append(count_not_finite(values))
    return judge(trial_id, seconds, values, goal, source=file)


def _has_studies(folder: Path) -> bool:
    return any(_STUDY.fullmatch(child.name) for child in _folders(folder))


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _numbered(folder: Path, name: re.Pattern[str], found: _Found) -> Iterator[tuple[int, Path]]:
    """Yield the folders of that name with their numbers, in order; note any others."""
    numbered = []
    for child in _folders(folder):
        if match := name.fullmatch(child.name):
            numbered.append((int(match[1]), child))
        else:
            found.notices.append(f"Left out: {child}: not named {name.pattern.partition('_')[0]}_…")
    yield from sorted(numbered)
