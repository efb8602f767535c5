"""The view for a log: one line for each event, no colours."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from kit.cli.views import wording
from kit.cli.views.history import Goal, History

if TYPE_CHECKING:
    from kit.planning.request import TrialPlan
    from kit.records.record import Evaluation
    from kit.referee.events import Outcome, Progress

SILENCE_SECONDS = 10.0


class PlainView:
    """Writes lines: phases, evaluations, notes, and a sign of life at least every ten seconds."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._written_at = now()
        self._history: History | None = None

    def started(self, plan: TrialPlan, *, isolation: str, attempt: int, folder: Path) -> None:
        """Say what runs."""
        goal = Goal.of(plan)
        self._history = History(goal, isolation, attempt, folder)
        self._write(f"{goal.title} · attempt {attempt} · isolation {isolation}")
        self._write(
            f"target: validation {goal.metric} {goal.direction} {wording.metric(goal.target)}"
            f" within {wording.seconds(goal.max_runtime_seconds)} of submission time"
        )

    def note(self, message: str) -> None:
        """Write the message."""
        self._write(message)

    def progress(self, progress: Progress) -> None:
        """Write when the phase changes, or nothing was written for long."""
        history = self._history
        if history is None:
            return
        previous = history.latest.phase
        history.add(progress)
        entered = progress.phase != previous and progress.phase in ("setup", "recording")
        begun = previous == "setup" and progress.phase == "training"
        if not (entered or begun or self._now() - self._written_at >= SILENCE_SECONDS):
            return
        if progress.phase == "setup":
            self._write(
                f"setting up since {wording.seconds(progress.total_seconds)};"
                " the clock has not started"
            )
            return
        speed = history.steps_per_second
        pace = "" if speed is None else f", {speed:,.1f} steps/s"
        self._write(
            f"{progress.phase}: reported step {progress.step:,}{pace},"
            f" {wording.seconds(progress.submission_seconds)} of submission time"
        )

    def evaluated(self, evaluation: Evaluation) -> None:
        """Write the evaluation."""
        if self._history is None:
            return
        self._history.evaluations.append(evaluation)
        metric = self._history.goal.metric
        values = "".join(
            f", {split} {metric} {wording.metric(value)}"
            for split, value in self._history.shown_metrics(evaluation).items()
        )
        self._write(
            f"evaluation {evaluation.index}: reported step {evaluation.step:,}"
            f" after {wording.seconds(evaluation.submission_seconds)}{values}"
        )

    def finished(self, outcome: Outcome) -> None:
        """Say how it ended; the summary has the rest."""
        self._write(f"finished: {outcome.record.state.value}")

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, line: str) -> None:
        self._written_at = self._now()
        try:
            print(line, file=self._stream, flush=True)
        except OSError:  # whoever read the log is gone; the trial goes on
            self._history = None
