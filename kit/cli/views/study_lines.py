"""Views of a study that write lines: words for a log, JSON for a program."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from kit.cli.tables import plain
from kit.cli.views import wording
from kit.cli.views.jsonl import finite
from kit.cli.views.study_progress import StudyProgress
from kit.study.owed import Phase

if TYPE_CHECKING:
    from kit.contracts.trial_id import TrialId
    from kit.study.assignment import Assignment
    from kit.study.owed import Board
    from kit.study.scheduling import Run

SILENCE_SECONDS = 30.0
PROGRESS_SECONDS = 1.0


class StudyPlainView:
    """Writes a line when a trial starts and ends, and a sign of life every half minute."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._written_at = now()
        self.progress: StudyProgress | None = None

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Say what is owed."""
        self.progress = progress = StudyProgress(assignment, board, self._now)
        self._write(
            f"study of {assignment.submission.name} under ruleset {assignment.ruleset.name}: "
            f"{wording.count(len(board.standings), 'trial')}, {progress.finished} finished, "
            f"{len(board.owed)} owed, at most {wording.seconds(progress.remaining_seconds)} of "
            "submission time"
        )
        for remark in assignment.remarks:
            self.note(remark)

    def started(self, run: Run, attempt: int) -> None:
        """Say which trial starts."""
        if self.progress is not None:
            self.progress.started(run, attempt)
        self._write(f"{self.words(run.id)}, attempt {attempt}: started")

    def event(self, run: Run, fields: Mapping[str, Any]) -> None:
        """Write notes, and how far the trial is when nothing was written for long."""
        if fields["event"] == "note":
            self.note(str(fields.get("message", "")))
        if self.progress is None:
            return
        self.progress.event(fields)
        if self._now() - self._written_at >= SILENCE_SECONDS:
            metric = f", {self.progress.metric}" if self.progress.metric else ""
            self._write(
                f"{self.words(run.id)}: {self.progress.phase}, reported step "
                f"{self.progress.step:,}, {wording.seconds(self.progress.submission_seconds)} of "
                f"{wording.seconds(self.progress.budget_seconds)}{metric}"
            )

    def ended(self, run: Run, board: Board) -> None:
        """Say how the attempt ended."""
        if self.progress is not None:
            self.progress.ended(board)
            count = f" ({self.progress.finished} of {len(board.standings)} trials finished)"
        else:
            count = ""
        self._write(f"{self.words(run.id)}: {_ending(run.id, board)}{count}")

    def note(self, message: str) -> None:
        """Write the message."""
        self._write(plain(message))

    def words(self, trial_id: TrialId) -> str:
        """Return how lines name a trial."""
        return f"{trial_id.label}, study {trial_id.study}, trial {trial_id.trial}"

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, line: str) -> None:
        self._written_at = self._now()
        try:
            print(line, file=self._stream, flush=True)
        except OSError:  # whoever read the log is gone; the study goes on
            self.progress = None


class StudyJsonView:
    """Writes every event of the study and of its trials as {"event": …}."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._progress_at = float("-inf")
        self._attempt = 0

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Write what is owed."""
        self._write(
            "study_begun",
            submission=assignment.submission.name,
            ruleset=assignment.ruleset.name,
            trials=len(board.standings),
            owed=len(board.owed),
            remarks=list(assignment.remarks),
        )

    def started(self, run: Run, attempt: int) -> None:
        """Write which trial starts."""
        self._attempt = attempt
        self._write("trial_started", **self.fields(run.id), attempt=attempt)

    def event(self, run: Run, fields: Mapping[str, Any]) -> None:
        """Hand on what the trial tells, its progress once a second."""
        if fields["event"] == "progress":
            if self._now() - self._progress_at < PROGRESS_SECONDS:
                return
            self._progress_at = self._now()
        self._write(**{**fields, **self.fields(run.id), "attempt": self._attempt})

    def ended(self, run: Run, board: Board) -> None:
        """Write where the trial stands now."""
        last = board[run.id].attempts[-1:]
        state = last[0].state if last else None
        self._write(
            "trial_ended",
            **self.fields(run.id),
            attempt=self._attempt,
            state=state.value if state else None,
            phase=board[run.id].phase.value,
            owed=len(board.owed),
        )

    def note(self, message: str) -> None:
        """Write a message."""
        self._write("note", message=message)

    def fields(self, trial_id: TrialId) -> dict[str, Any]:
        """Return how events name a trial."""
        return {
            "workload": trial_id.workload,
            "variant": trial_id.variant,
            "study": trial_id.study,
            "trial": trial_id.trial,
        }

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, event: str, **fields: Any) -> None:
        line = json.dumps({"event": event, **finite(fields)}, allow_nan=False)
        try:
            print(line, file=self._stream, flush=True)
        except OSError:  # the reader is gone; the study goes on
            return


def _ending(trial_id: TrialId, board: Board) -> str:
    standing = board[trial_id]
    if not standing.attempts:
        return "ended before it was entered in the ledger"
    last = standing.attempts[-1]
    if last.result is not None and last.result.time_to_target_seconds is not None:
        return f"target reached after {wording.seconds(last.result.time_to_target_seconds)}"
    state = last.state.value.replace("_", " ") if last.state else "ended without a word"
    left = standing.attempts_left
    after = {
        Phase.DONE: "",
        Phase.OWED: f"; still owed, {left} of {standing.max_attempts} attempts left",
        Phase.GIVEN_UP: "; no attempt left, it counts as missed",
    }
    return state + after[standing.phase]
