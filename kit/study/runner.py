"""Runs the required trials through an executor until none is left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kit.contracts.trial_id import TrialId
from kit.errors import TrialError, UsageError
from kit.planning.request import TrialRequest
from kit.records.attempts import OPEN
from kit.records.folders import locked
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.assignment import Assignment
from kit.study.evidence import Evidence
from kit.study.executor import Ended, Event, Executor, Signals
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
    """What is run, where its evidence is, and how a trial becomes a request."""

    evidence: Evidence
    plan: Callable[[Run], TrialRequest]
    scheduler: Scheduler
    executor: Executor

    @property
    def assignment(self) -> Assignment:
        """Return what is run."""
        return self.evidence.assignment


@dataclass
class _Running:
    """A trial that runs now."""

    run: Run
    attempt: int
    submission_seconds: float = 0.0


def run_study(study: Study, *, observer: Observer, signals: Signals) -> Board:
    """Run until the scheduler has nothing left or a signal asks to end; return where all stands.

    As many trials run at once as the executor takes; the scheduler sees those that run. The first
    signal is handed on and ends them at their next safe point, a second one kills them.

    Raises:
        KitError: another process runs the same study; the evidence does not match; the submission
            or the ruleset was changed; or a trial could not even be started or recorded.
    """
    evidence, executor = study.evidence, study.executor
    running: dict[TrialId, _Running] = {}
    handed_on = 0

    def board_now() -> Board:
        return evidence.board(running={i: one.submission_seconds for i, one in running.items()})

    with _only_one(study):
        evidence.recover()
        board = board_now()
        observer.begun(study.assignment, board)
        while True:
            while len(running) < executor.capacity and not signals.received():
                decision = study.scheduler.next_decision(board)
                if isinstance(decision, Done):
                    break
                standing = board[decision.id]
                if standing.phase is not Phase.OWED:  # a scheduler must not repeat what is finished
                    raise ValueError(f"The scheduler named {decision.id}, which is not owed.")
                _refuse_changes(study.assignment)
                observer.started(decision, standing.next_attempt)
                executor.submit(study.plan(decision))
                running[decision.id] = _Running(decision, standing.next_attempt)
                board = board.with_running(dict.fromkeys(running, 0.0))
            if not running:
                return board
            if signals.count > handed_on:
                if handed_on:
                    executor.kill()
                else:
                    executor.interrupt(signals.received() or "SIGINT")
                handed_on = signals.count
            happened = executor.next()
            if isinstance(happened, Event):
                one = running[happened.id]
                if happened.fields["event"] == "progress":
                    one.submission_seconds = float(happened.fields["submission_seconds"])
                observer.event(one.run, happened.fields)
            elif isinstance(happened, Ended):
                one = running.pop(happened.id)
                evidence.recover(running=running)
                board = board_now()
                observer.ended(one.run, board)
                if not signals.received():
                    _require_progress(one, board, happened)


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


def _require_progress(running: _Running, board: Board, ended: Ended) -> None:
    """Stop if it is the machine that fails: further trials would only use up their attempts."""
    run, attempt = running.run, running.attempt
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
