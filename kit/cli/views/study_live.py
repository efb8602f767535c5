"""The view of a study for a terminal: a table of all trials, redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kit.cli.views import wording
from kit.cli.views.canvas import Canvas, Terminal
from kit.cli.views.study_progress import StudyProgress, cell

if TYPE_CHECKING:
    from kit.study.assignment import Assignment, Part
    from kit.study.owed import Board
    from kit.study.scheduling import Run

_CELL_COLUMNS = 8  # widest text, and a space


def picture(progress: StudyProgress, columns: int = 80) -> RenderableType:
    """Return all that is known of the study."""
    ours = progress.assignment
    title = (
        f"{ours.submission.name} · ruleset {ours.ruleset.name} · "
        f"{progress.finished} of {wording.count(len(progress.board.standings), 'trial')} finished"
    )
    parts: list[RenderableType] = [
        Text(title, style="bold", overflow="ellipsis", no_wrap=True),
        Text(),
        _table(progress, columns),
        Text(),
    ]
    parts += [Text(line, overflow="ellipsis", no_wrap=True) for line in _status(progress)]
    return Padding(Group(*parts), (1, 2, 0, 2))


def _table(progress: StudyProgress, columns: int) -> Table:
    """Return a row per workload, or per study of it where the terminal is too narrow for that."""
    ours = progress.assignment
    label_columns = max(len(part.label) for part in ours.parts) + 4
    wide = label_columns + _CELL_COLUMNS * len(ours.studies) * ours.trials <= columns
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("Workload", no_wrap=True)
    if wide:
        names = [f"{study}.{trial}" for study in ours.studies for trial in _trials(ours)]
    else:
        table.add_column("Study", justify="right", no_wrap=True)
        names = [str(trial) for trial in _trials(ours)]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True, min_width=_CELL_COLUMNS - 1)
    for part in ours.parts:
        cells = _cells(progress, part)
        if wide:
            table.add_row(part.label, *cells)
            continue
        for number, study in enumerate(ours.studies):
            own = cells[number * ours.trials : (number + 1) * ours.trials]
            table.add_row("" if number else part.label, str(study), *own)
    return table


def _trials(assignment: Assignment) -> range:
    return range(1, assignment.trials + 1)


def _cells(progress: StudyProgress, part: Part) -> list[Text]:
    return [_cell(progress, trial_id) for trial_id in progress.assignment.trials_of(part)]


def _cell(progress: StudyProgress, trial_id: Any) -> Text:
    if progress.run is not None and progress.run.id == trial_id:
        used = wording.share(progress.submission_seconds, progress.budget_seconds)
        return Text(f"▸ {used}", style="bold cyan")
    text = cell(progress.board[trial_id])
    style = {"∞": "yellow", "≥": "blue", "–": "blue", "·": "dim"}.get(text[0], "green")
    return Text(text, style="red" if progress.board[trial_id].is_forfeited else style)


def _status(progress: StudyProgress) -> list[str]:
    lines = []
    if progress.run is not None:
        trial_id = progress.run.id
        lines.append(f"{trial_id}, attempt {progress.attempt}")
        lines.append(
            f"{progress.phase}, reported step {progress.step:,}, "
            f"{wording.seconds(progress.submission_seconds)} of "
            f"{wording.seconds(progress.budget_seconds)}"
        )
        lines.append(progress.metric or "no evaluation yet")
    lines.append(
        f"elapsed {wording.seconds(progress.elapsed_seconds)}; remaining at most "
        f"{wording.seconds(progress.remaining_seconds)} of submission time"
    )
    return lines


class StudyLiveView:
    """Draws on the console of stderr; an observer of a study."""

    def __init__(self, console: Terminal, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._canvas = Canvas(console, self._picture, now)
        self._progress: StudyProgress | None = None

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Open the picture."""
        for remark in assignment.remarks:
            self.note(remark)
        self._progress = StudyProgress(assignment, board, self._now)
        self._canvas.open()

    def started(self, run: Run, attempt: int) -> None:
        """Mark the trial that runs."""
        if self._progress is not None:
            self._progress.started(run, attempt)
            self._canvas.draw()

    def event(self, run: Run, fields: Mapping[str, Any]) -> None:
        """Move the running trial on."""
        if fields["event"] == "note":
            self.note(str(fields.get("message", "")))
        elif self._progress is not None:
            self._progress.event(fields)
            self._canvas.draw(force=False)

    def ended(self, run: Run, board: Board) -> None:
        """Fill in the trial's cell."""
        if self._progress is not None:
            self._progress.ended(board)
            self._canvas.draw()

    def note(self, message: str) -> None:
        """Write a line that stays above the picture."""
        self._canvas.print_above(Text(message, style="yellow"))

    def close(self) -> None:
        """Give the terminal back, in whatever state the study is."""
        self._canvas.close()

    def _picture(self) -> RenderableType:
        assert self._progress is not None
        return picture(self._progress, self._console.width)
