"""The end of a study in words and for programs: times, medians, states, and what comes next."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.tables import Table, print_tables
from kit.cli.views import wording
from kit.cli.views.layout import kit_command, shown_path
from kit.cli.views.study_progress import LEGEND, cell, short_time
from kit.records.record import TrialState
from kit.study.medians import part_times
from kit.study.owed import Phase

if TYPE_CHECKING:
    from kit.scoring.trial import Outcome
    from kit.study.assignment import Assignment
    from kit.study.evidence import Evidence
    from kit.study.owed import Board, Standing

FORMAT = "stopwatch/study/1"
STOPPED = TrialState.STOPPED_EARLY


def print_summary(
    evidence: Evidence, board: Board, *, interrupted_by: str | None, again: str
) -> None:
    """Print the summary to stdout.

    Args:
        evidence: of the study.
        board: where it stands.
        interrupted_by: the signal that ended it, None where it came to its end.
        again: the command that goes on with it.
    """
    assignment = evidence.assignment
    headline, good = _headline(board, interrupted_by)
    click.echo("\n" + click.style(headline, fg="green" if good else "yellow", bold=True) + "\n")
    print_tables([_table(assignment, board)])
    click.echo(f"\n{LEGEND}")
    for line in (*_stopped(board), *_attempts(board), *_unofficial(board), *assignment.remarks):
        click.echo(f"\n{line}")
    click.echo()
    for what, command in _commands(evidence, board, again):
        click.echo(f"{what}:\n    {command}")


def as_dict(assignment: Assignment, board: Board, *, interrupted_by: str | None) -> dict[str, Any]:
    """Return the study for a program; an infinite time is null, an unknown one an interval."""
    return {
        "format": FORMAT,
        "ruleset": {"name": assignment.ruleset.name, "sha256": assignment.ruleset.sha256},
        "submission": {"name": assignment.submission.name, "sha256": assignment.submission.sha256},
        "tuning": assignment.mode,
        "complete": not board.owed,
        "interrupted_by": interrupted_by,
        "remarks": list(assignment.remarks),
        "workloads": [
            {
                "workload": times.part.base,
                "variant": times.part.variant,
                "studies": [_bounds(outcome) for outcome in times.studies],
                "median": _bounds(times.median),
            }
            for times in part_times(assignment, board)
        ],
        "trials": [_trial(standing) for standing in board.standings],
    }


def _trial(standing: Standing) -> dict[str, Any]:
    trial_id, decided = standing.id, standing.decided
    return {
        "workload": trial_id.workload,
        "variant": trial_id.variant,
        "study": trial_id.study,
        "trial": trial_id.trial,
        "phase": standing.phase.value,
        "state": decided.state.value if decided and decided.state else None,
        "time_to_target_seconds": decided.result.time_to_target_seconds
        if decided and decided.result
        else None,
        "stopped_after_seconds": standing.stopped_seconds if standing.ruling.stopped else None,
        "stop_rule": decided.result.stop_rule or None if decided and decided.result else None,
        "attempts": [
            {
                "number": attempt.number,
                "state": attempt.state.value if attempt.state else None,
                "folder": attempt.result.folder if attempt.result else None,
            }
            for attempt in standing.attempts
        ],
    }


def _bounds(outcome: Outcome) -> dict[str, float | None]:
    """Return both ends of an interval; null is infinity."""
    return {
        "at_least_seconds": _finite(outcome.lowest),
        "at_most_seconds": _finite(outcome.highest),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _headline(board: Board, interrupted_by: str | None) -> tuple[str, bool]:
    count, owed = len(board.standings), len(board.owed)
    wrong = sum(standing.is_forfeited for standing in board.standings)
    if interrupted_by:
        text = f"Interrupted by {interrupted_by}: {count - owed} of {count} trials are finished."
        return text, False
    if owed:
        return f"Ended: {owed} of {count} trials are still owed.", False
    text = f"Study complete: {wording.count(count, 'trial')}"
    return (f"{text}, {wrong} of them forfeited." if wrong else f"{text}."), wrong == 0


def _table(assignment: Assignment, board: Board) -> Table:
    """Return a row per workload and study: its trials and its time; medians in their own rows."""
    rows: list[tuple[str, ...]] = []
    for times in part_times(assignment, board):
        cells = [cell(board[trial_id]) for trial_id in assignment.trials_of(times.part)]
        for number, (study, outcome) in enumerate(
            zip(assignment.studies, times.studies, strict=True)
        ):
            own = cells[number * assignment.trials : (number + 1) * assignment.trials]
            rows.append(("" if number else times.part.label, str(study), *own, shown(outcome)))
        if len(assignment.studies) > 1:
            blank = [""] * assignment.trials
            rows.append(("", "median", *blank, shown(times.median)))
    trials = [f"trial {number}" for number in range(1, assignment.trials + 1)]
    return Table("Time to target", ("workload", "study", *trials, "best"), rows)


def shown(outcome: Outcome) -> str:
    """Return a time, "∞", both bounds of a time or the lower one, or a dash where none is known."""
    if outcome.is_exact:
        return short_time(outcome.lowest)
    if math.isfinite(outcome.highest):
        return f"{short_time(outcome.lowest)}–{short_time(outcome.highest)}"
    return f"≥{short_time(outcome.lowest)}" if outcome.lowest > 0 else "—"


def _stopped(board: Board) -> list[str]:
    """Return a line on the trials that were stopped early, and why."""
    stopped = [s for s in board.standings if s.decided and s.decided.state is STOPPED]
    if not stopped:
        return []
    rules = Counter(s.decided.result.stop_rule for s in stopped if s.decided and s.decided.result)
    listed = "; ".join(f"{rule} ({number})" for rule, number in rules.most_common())
    unstarted = sum(standing.stopped_seconds == 0 for standing in stopped)
    return [
        f"{wording.count(len(stopped), 'trial')} could change no score and ended early, "
        f"{unstarted} of them before the start: {listed}. --complete runs them in full."
    ]


def _attempts(board: Board) -> list[str]:
    """Return a line for each trial that was attempted more than once, or given up."""
    lines = []
    for standing in board.standings:
        states = [a.state.value if a.state else "no end" for a in standing.attempts]
        if len(states) < 2 and standing.phase is not Phase.GIVEN_UP and "interrupted" not in states:
            continue
        trial_id = standing.id
        left = standing.attempts_left
        after = {
            Phase.DONE: "",
            Phase.OWED: f"; {left} of {standing.max_attempts} attempts left",
            Phase.GIVEN_UP: "; no attempt left, it counts as missed",
        }[standing.phase]
        lines.append(
            f"{trial_id.label}, study {trial_id.study}, trial {trial_id.trial}: "
            + ", ".join(f"attempt {n} {state}" for n, state in enumerate(states, start=1))
            + after
        )
    return lines


def _unofficial(board: Board) -> list[str]:
    results = [s.decided.result for s in board.standings if s.decided and s.decided.result]
    reasons = Counter(reason for result in results for reason in result.unofficial_reasons)
    count = sum(bool(result.unofficial_reasons) for result in results)
    if not count:
        return []
    listed = "; ".join(f"{reason} ({number})" for reason, number in reasons.most_common())
    return [f"{count} of {len(results)} finished trials are not official: {listed}."]


def _commands(evidence: Evidence, board: Board, again: str) -> list[tuple[str, str]]:
    assignment, here = evidence.assignment, Path.cwd()
    kit = kit_command(here)
    results = shlex.quote(shown_path(evidence.results, here))
    commands = [("Go on", again)] if board.owed else []
    if any(standing.attempts for standing in board.standings):
        commands.append(("Verify", f"{kit} verify {results}"))
    if any(part.rules.scored for part in assignment.parts) and board.in_phase(Phase.DONE):
        commands.append(("Score", f"{kit} score {results}{_score_options(assignment)}"))
    return commands


def _score_options(assignment: Assignment) -> str:
    ruleset = assignment.ruleset
    name = ruleset.name if ruleset.is_shipped else shown_path(Path(str(ruleset.path)), Path.cwd())
    words = ["--ruleset", name]
    for part in assignment.parts:
        words += ["--held-out", f"{part.base}={part.variant}"] if part.variant else []
    return f" {shlex.join(words)}"
