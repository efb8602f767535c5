"""Runs what is owed, one trial after another, each in a process of its own, until nothing is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from kit.errors import TrialError, UsageError
from kit.records.attempts import OPEN
from kit.records.folders import locked
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.assignment import Assignment
from kit.study.child import Ended, Signals, run_child
from kit.study.evidence import Evidence
from kit.study.owed import Board, Phase
from kit.study.scheduling import Done, Run, Scheduler

WRONG_REQUEST = 2  # the exit status of a usage error


class Observer(Protocol):
    """Is told how a study goes on; must return quickly and never raise."""

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Everything is as the ledger and the records tell; nothing runs yet."""
        ...

    def started(self, run: Run, attempt: int) -> None:
        """The process of a trial is about to start."""
        ...

    def event(self, run: Run, fields: Mapping[str, Any]) -> None:
        """The trial has told something, in the words of `kit run --json`."""
        ...

    def ended(self, run: Run, board: Board) -> None:
        """The process of a trial has ended."""
        ...


@dataclass(frozen=True)
class Study:
    """What is run, where its evidence lies, and how a trial is started."""

    evidence: Evidence
    command: Callable[[Run], Sequence[str]]
    scheduler: Scheduler

    @property
    def assignment(self) -> Assignment:
        """Return what is run."""
        return self.evidence.assignment


def run_study(study: Study, *, observer: Observer, signals: Signals) -> Board:
    """Run until the scheduler has nothing left or a signal asks to end; return where all stands.

    Raises:
        KitError: another process runs the same study; the evidence does not match; the submission
            or the ruleset was changed; or a trial could not even be started or recorded.
    """
    with _only_one(study):
        study.evidence.recover()
        board = study.evidence.board()
        observer.begun(study.assignment, board)
        while not signals.received():
            decision = study.scheduler.next_decision(board)
            if isinstance(decision, Done):
                break
            standing = board[decision.id]
            if standing.phase is not Phase.OWED:  # a scheduler must not repeat what is finished
                raise ValueError(f"The scheduler named {decision.id}, which is not owed.")
            _refuse_changes(study.assignment)
            observer.started(decision, standing.next_attempt)
            ended = run_child(
                study.command(decision),
                event=partial(observer.event, decision),
                signals=signals,
            )
            study.evidence.recover()
            board = study.evidence.board()
            observer.ended(decision, board)
            if not signals.received():
                _require_progress(decision, standing.next_attempt, board, ended)
        return board


def _only_one(study: Study) -> contextlib.AbstractContextManager[None]:
    ruleset, submission = study.assignment.ruleset.name, study.assignment.submission.name
    results = study.evidence.results
    return locked(
        results,
        f"study-{ruleset}-{submission}",
        refusal=(
            f"A study of {submission} under ruleset {ruleset} is already running below {results}. "
            "Wait for it, or choose another --results."
        ),
    )


def _refuse_changes(assignment: Assignment) -> None:
    """Refuse a submission or ruleset that somebody edits while the study runs, before it spoils it.

    Raises:
        UsageError: names what was changed.
    """
    submission, ruleset = assignment.submission, assignment.ruleset
    now = load_submission(submission.folder, ruleset.submission_limits)
    if now.sha256 != submission.sha256:
        raise UsageError(
            f"Submission {submission.name!r} was changed while its study runs: {submission.folder} "
            "is not as it was. Restore its files, then repeat the command."
        )
    if ruleset.path is not None and load_ruleset(ruleset.path).sha256 != ruleset.sha256:
        raise UsageError(
            f"Ruleset {ruleset.name!r} was changed while a study runs: {ruleset.path} is not as it "
            "was. Restore the file, then repeat the command."
        )


def _require_progress(run: Run, attempt: int, board: Board, ended: Ended) -> None:
    """Stop where it is the machine that fails: further trials would only use up their attempts."""
    standing = board[run.id]
    said = ended.error or f"the process ended with status {ended.status} and said nothing"
    if len(standing.attempts) >= attempt:
        last = standing.attempts[-1].tried
        if last.state in OPEN and (ended.has_error or last.is_free):
            raise TrialError(
                f"{run.id}, attempt {attempt}, was not the submission's to end: {said} "
                "Mend it, then repeat the command: the study goes on where it is."
            )
        return
    kind = UsageError if ended.status == WRONG_REQUEST else TrialError
    raise kind(f"{run.id} could not be started: {said}")
