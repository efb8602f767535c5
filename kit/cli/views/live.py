"""The view for a terminal: one picture of the trial, redrawn in place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from kit.cli.views import wording
from kit.cli.views.canvas import Canvas, Terminal
from kit.cli.views.history import Goal, History

if TYPE_CHECKING:
    from kit.planning.request import TrialPlan
    from kit.records.record import Evaluation
    from kit.referee.events import Outcome, Progress

ROWS = 6
_PHASES = {
    "setup": "Setting up the workload; the clock has not started",
    "training": "Training",
    "evaluating": "Evaluating; the trainer is frozen, the clock stands",
    "recording": "Writing and signing the record",
}


def picture(history: History) -> RenderableType:
    """Return all that is known of the trial, in at most 80 columns."""
    parts: list[RenderableType] = [
        Text(history.goal.title, style="bold", overflow="ellipsis", no_wrap=True),
        _gauges(history),
    ]
    if history.evaluations:
        parts += [Text(), _evaluations(history)]
    if history.notes:
        parts += [Text(), *(Text(note, style="yellow") for note in history.notes)]
    return Padding(Group(*parts), (1, 2, 0, 2))


def _gauges(history: History) -> Table:
    goal, now = history.goal, history.latest
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True, min_width=len(f"Validation {goal.metric}"))
    grid.add_column(no_wrap=True, overflow="ellipsis")
    speed = history.steps_per_second
    pace = "" if speed is None else f" · {speed:,.1f} steps/s"
    grid.add_row("Phase", _PHASES.get(now.phase, now.phase))
    grid.add_row("Reported step", f"{now.step:,}{pace}")
    used, budget = now.submission_seconds, goal.max_runtime_seconds
    time_line = f"{wording.seconds(used)} of {wording.seconds(budget)}"
    grid.add_row("Time", _bar(used / budget, time_line))
    grid.add_row(f"Validation {goal.metric}", _bar(history.fraction_of_way, _metric_line(history)))
    grid.add_row("To target", _estimate(history))
    return grid


def _bar(fraction: float, text: str) -> Table:
    row = Table.grid(padding=(0, 1))
    row.add_column(width=24)
    row.add_column(no_wrap=True)
    row.add_row(ProgressBar(total=1.0, completed=min(1.0, max(0.0, fraction)), width=24), text)
    return row


def _metric_line(history: History) -> str:
    goal = history.goal
    arrow = "↑" if goal.higher_is_better else "↓"
    value = goal.value(history.evaluations[-1]) if history.evaluations else None
    latest = "—" if value is None else wording.metric(value)
    return f"{latest} {arrow} target {goal.direction} {wording.metric(goal.target)}"


def _estimate(history: History) -> str:
    ahead = history.seconds_to_target
    if ahead is None:
        return "—"
    if ahead == 0:
        return "at any moment, if the trend goes on"
    left = history.goal.max_runtime_seconds - history.latest.submission_seconds
    late = " (beyond the budget, if the trend goes on)" if ahead > left else ""
    return f"about {wording.seconds(ahead)} of submission time{late}"


def _evaluations(history: History) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading in (
        "Evaluation",
        "Reported step",
        "Time",
        "Train",
        "Validation",
        "Evaluation share",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    spent_ns = 0
    rows = []
    for evaluation in history.evaluations:
        spent_ns += evaluation.evaluation_ns
        values = history.shown_metrics(evaluation)
        rows.append(
            (
                str(evaluation.index),
                f"{evaluation.step:,}",
                wording.seconds(evaluation.submission_seconds),
                *(wording.metric(values.get(s, math.nan)) for s in ("train", "validation")),
                wording.share(spent_ns, spent_ns + evaluation.submission_ns),
            )
        )
    for row in rows[-ROWS:]:
        table.add_row(*row)
    return table


class LiveView:
    """Draws on the console of stderr until the trial is finished; an `Observer`."""

    def __init__(self, console: Terminal, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._canvas: Canvas | None = None
        self._history: History | None = None
        self._early_notes: list[str] = []

    def started(self, plan: TrialPlan, *, isolation: str, attempt: int, folder: Path) -> None:
        """Open the picture."""
        self._history = history = History(Goal.of(plan), isolation, attempt, folder)
        history.notes.extend(self._early_notes)
        self._canvas = Canvas(self._console, lambda: picture(history), self._now)
        self._canvas.open()

    def note(self, message: str) -> None:
        """Show a message below the table."""
        notes = self._early_notes if self._history is None else self._history.notes
        notes.append(message)
        self._draw(force=True)

    def progress(self, progress: Progress) -> None:
        """Move the gauges."""
        if self._history is not None:
            changed = progress.phase != self._history.latest.phase
            self._history.add(progress)
            self._draw(force=changed)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Add a row."""
        if self._history is not None:
            self._history.evaluations.append(evaluation)
            self._draw(force=True)

    def finished(self, outcome: Outcome) -> None:
        """Take the picture away; the summary comes in its place."""
        self.close()

    def close(self) -> None:
        """Give the terminal back, in whatever state the trial is."""
        if self._canvas is not None:
            self._canvas.close()

    def _draw(self, *, force: bool) -> None:
        if self._canvas is not None:
            self._canvas.draw(force=force)
