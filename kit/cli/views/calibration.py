"""The view of a calibration: a line for each run, and on a terminal one more for the present."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from rich.live import Live
from rich.text import Text

from kit.calibration.campaign import TUNING
from kit.cli.tables import plain
from kit.cli.views import wording
from kit.cli.views.canvas import REDRAW_SECONDS, Terminal
from kit.cli.views.study_lines import SILENCE_SECONDS, StudyJsonView
from kit.records.record import TrialState

if TYPE_CHECKING:
    from kit.study.assignment import Assignment
    from kit.study.owed import Board
    from kit.study.scheduling import Run


class CalibrationView:
    """Follows one stage: the trials of a submission, or the repetitions of a setting."""

    def __init__(
        self, stream: TextIO, *, steps: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`steps`: of every run."""
        self._console = Terminal(file=stream)
        on_terminal = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = None if not on_terminal else self._moving_line()
        self._steps = steps
        self._now = now
        self._shown_at = now()
        self._stage, self._run = "", ""
        self._step, self._evaluations, self._best = 0, 0, math.nan

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Say what is owed."""
        name = assignment.submission.name
        tuning = assignment.ruleset.name == TUNING
        self._stage = f"{name}, trial" if tuning else f"{name}, best setting, seed"
        self._target = assignment.parts[0].rules.target
        self._board = board
        what = "trial" if tuning else "repetition"
        count = wording.count(len(board.standings), what)
        finished = len(board.standings) - len(board.owed)
        self._say(
            f"{name}: {count} of {self._steps:,} steps on {assignment.parts[0].label}, "
            f"{finished} finished"
        )
        if self._live is not None:
            self._live.start()

    def started(self, run: Run, attempt: int) -> None:
        """Take note of the run, and say so where it is not the first attempt."""
        number = [standing.id for standing in self._board.standings].index(run.id) + 1
        self._run = f"{self._stage} {number} of {len(self._board.standings)}"
        self._step, self._evaluations, self._best = 0, 0, math.nan
        self._say(f"{self._run}: started{f', attempt {attempt}' if attempt > 1 else ''}")

    def event(self, run: Run, fields: Mapping[str, Any]) -> None:
        """Take note of how far the run is, and show it now and then."""
        if fields["event"] == "note":
            self.note(str(fields.get("message", "")))
        elif fields["event"] == "progress":
            self._step = int(fields["step"])
        elif fields["event"] == "evaluated":
            value = float(fields["metrics"].get(f"validation/{self._target.metric}", math.nan))
            known = [v for v in (self._best, value) if not math.isnan(v)]
            better = max if self._target.higher_is_better else min
            self._best = better(known) if known else math.nan
            self._evaluations += 1
        every = SILENCE_SECONDS if self._live is None else REDRAW_SECONDS
        if self._now() - self._shown_at >= every:
            line = f"{self._run}: step {self._step:,} of {self._steps:,}, {self._so_far()}"
            if self._live is None:
                self._say(line)
            else:
                self._move(line)

    def ended(self, run: Run, board: Board) -> None:
        """Say how the attempt ended."""
        last = board[run.id].attempts[-1:]
        state = last[0].state if last else None
        if state is TrialState.COMPLETED_WITHOUT_TARGET:
            how = self._so_far()
        elif state in (None, TrialState.INTERRUPTED):
            how = "interrupted"
        else:
            how = f"{state.value.replace('_', ' ')}: counts as the worst result"
        self._move("")
        self._say(f"{self._run}: {how}")
        self._board = board

    def note(self, message: str) -> None:
        """Write a message."""
        self._say(plain(message))

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()

    def _so_far(self) -> str:
        if not self._evaluations:
            return "not evaluated yet"
        return f"best validation {self._target.metric} {wording.metric(self._best)}"

    def _moving_line(self) -> Live:
        return Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _move(self, line: str) -> None:
        """Replace the moving line, where there is one."""
        self._shown_at = self._now()
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.update(Text(line, overflow="ellipsis", no_wrap=True), refresh=True)

    def _say(self, line: str) -> None:
        self._shown_at = self._now()
        with contextlib.suppress(OSError):  # whoever read it is gone; the calibration goes on
            self._console.print(Text(line), soft_wrap=True)


def choose_calibration_view(
    stream: TextIO, *, steps: int, as_json: bool
) -> CalibrationView | StudyJsonView:
    """Return JSON lines if asked for, else lines for a reader."""
    return StudyJsonView(stream) if as_json else CalibrationView(stream, steps=steps)
