"""Where an assignment stands, read anew from ledger and records; what does not match is refused."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from kit import paths
from kit.contracts.trial_id import TrialId
from kit.errors import TrialError, UsageError, VerificationError
from kit.planning.plan import plan_trial
from kit.planning.request import Execution, TrialRequest
from kit.records import ledger as ledgers
from kit.records.chain import Chain, verify_chain
from kit.records.findings import VerificationReport
from kit.records.folders import attempt_folder, attempt_folders, only_run_at
from kit.records.ledger import LEDGER, Ledger
from kit.records.ledger_entry import Identification
from kit.records.record import TrialRecord
from kit.records.recovery import enter_missing_end
from kit.records.signing import SigningKey
from kit.records.verify import verify_record
from kit.study.assignment import Assignment
from kit.study.measures import total_seconds
from kit.study.owed import Attempt, Board, Result, board_of
from kit.study.scheduling import Run

_POLL_SECONDS = 0.05
_NOTHING: Mapping[TrialId, float] = MappingProxyType({})


@dataclass
class Evidence:
    """The evidence of one assignment below a results folder."""

    assignment: Assignment
    results: Path
    key: SigningKey
    config: Path = field(default_factory=paths.config_root)  # the folder that the key is from
    complete: bool = False  # what was stopped early is owed again
    patience_seconds: float = 10.0  # for a killed trial, which takes a moment to give memory back
    _sound: dict[Path, VerificationReport] = field(default_factory=dict)  # never change again

    def board(
        self, *, while_running: bool = False, running: Mapping[TrialId, float] = _NOTHING
    ) -> Board:
        """Return where every trial stands.

        Args:
            while_running: another process may run trials meanwhile, so a record whose end is not
                entered yet is left out instead of being an error.
            running: submission time so far of the trials that this process has started.

        Raises:
            UsageError: attempts were started with another submission, ruleset or key.
            VerificationError: the ledger, or a record, is damaged or missing; it is named.
        """
        attempts: dict[TrialId, list[Attempt]] = {}
        trials = {trial.folder: trial for trial in self.assignment.trial_ids()}
        chain = self._chain()
        self._refuse_others(chain)
        now = {trial.folder for trial in running}
        unended = _unended(self.results, chain, None if while_running else now)
        for place in trials:
            for folder in attempt_folders(self.results / place):
                if folder not in unended:
                    self._check(folder, chain)
        for entered in chain.attempts() if chain else ():
            trial = trials.get(entered.identification.folder)
            if trial is not None:
                attempts.setdefault(trial, []).append(self._attempt(entered))
        limit = self.assignment.ruleset.max_attempts
        board = board_of(trials.values(), attempts, limit, complete=self.complete)
        return board.with_running(running)

    def planner(
        self,
        execution: Execution,
        *,
        evaluate_at_steps: Sequence[int] = (),
        comparison: str | None = None,
    ) -> Callable[[Run], TrialRequest]:
        """Return what plans each trial of the assignment, to be recorded here.

        Args:
            execution: where and how all of them run.
            evaluate_at_steps: evaluate after these steps instead of by time.
            comparison: take the seeds that both sides of this comparison share.
        """

        def plan(run: Run) -> TrialRequest:
            request = plan_trial(
                workload=run.id.workload,
                variant=run.id.variant,
                submission=self.assignment.submission,
                ruleset=self.assignment.ruleset,
                study=run.id.study,
                trial=run.id.trial,
                stop=run.stop,
                comparison=comparison,
                execution=execution,
                results=self.results,
                config=self.config,
            )
            return request.evaluated_at(evaluate_at_steps) if evaluate_at_steps else request

        return plan

    def recover(self, *, running: Collection[TrialId] = ()) -> None:
        """Enter the ends that a kill left out of the ledger, and move a torn last line away.

        Args:
            running: trials that this process has started, which are left alone.

        Raises:
            TrialError: a trial of this assignment is running now, or the ledger cannot be written.
        """
        ledger = Ledger(self.results / LEDGER)
        ledger.repair()
        wanted = {t.folder for t in self.assignment.trial_ids() if t not in running}
        for attempt in ledger.attempts():
            which = attempt.identification
            if attempt.end is None and which.folder in wanted:
                with self._held(which):
                    for folder in attempt_folders(self.results / which.folder):
                        enter_missing_end(folder, ledger, self.key)

    @contextlib.contextmanager
    def _held(self, which: Identification) -> Iterator[None]:
        """Hold the lock of a trial, as soon as a process that was killed has let go of it."""
        deadline = time.monotonic() + self.patience_seconds
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(only_run_at(self.results, which.folder, which.trial_words))
                except TrialError:
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(_POLL_SECONDS)
                else:
                    break
            yield

    def _chain(self) -> Chain | None:
        path = self.results / LEDGER
        if not os.path.lexists(path):
            return None
        chain = verify_chain(path)
        if chain.problem:
            raise VerificationError(
                f"{path}: {chain.problem}. Run `kit verify {self.results}` and restore the ledger "
                "from a copy, or choose another --results."
            )
        return chain

    def _refuse_others(self, chain: Chain | None) -> None:
        """Refuse to go on with what another submission, ruleset or key has begun."""
        ours = self.assignment
        governed = ours.governed_labels()
        for attempt in chain.attempts() if chain else ():
            which = attempt.identification
            if (which.ruleset, which.submission) != (ours.ruleset.name, ours.submission.name):
                continue
            if which.workload_label not in governed:
                continue
            digests = {
                "Submission": (which.submission_sha256, ours.submission.sha256, which.submission),
                "Ruleset": (which.ruleset_sha256, ours.ruleset.sha256, which.ruleset),
                "The key": (attempt.start.public_key, self.key.public.hex, self.key.name),
            }
            for what, (begun, now, name) in digests.items():
                if begun != now:
                    raise UsageError(_changed(what, name, begun, now, str(which), self.results))

    def _check(self, folder: Path, chain: Chain | None) -> None:
        """Refuse a record that is not as it was signed and entered."""
        if folder in self._sound or not os.path.lexists(folder):
            return
        report = verify_record(folder, trusted=[self.key.public], must_trust=True, chain=chain)
        if report.problems:
            first, *others = report.problems
            more = f" ({len(others)} more: `kit verify {folder}`.)" if others else ""
            raise VerificationError(
                f"{folder / first.file}: {first.sentence}{more} A study goes on only with sound "
                "records: restore the folder from a copy, or choose another --results."
            )
        self._sound[folder] = report

    def _attempt(self, entered: ledgers.Attempt) -> Attempt:
        which = entered.identification
        digest = entered.end.end.envelope_sha256 if entered.end else None
        result = None
        if digest is not None:
            folder = attempt_folder(self.results / which.folder, which.attempt)
            report = self._sound.get(folder)
            if report is None or report.record is None or report.envelope_sha256 != digest:
                raise VerificationError(
                    f"{folder}: the ledger lists this record, and it is missing. Restore the "
                    "folder from a copy, or choose another --results."
                )
            result = _result(report.record, digest, folder)
        return Attempt(which.attempt, entered.state, result, entered.tried.clock_started)


def _unended(results: Path, chain: Chain | None, trials: set[str] | None) -> set[Path]:
    """Return where the records of attempts are, or will be, that the ledger has no end of.

    Args:
        results: the folder of results.
        chain: its ledger.
        trials: only attempts at these, by folder; None: all.
    """
    return {
        attempt_folder(results / a.identification.folder, a.identification.attempt)
        for a in (chain.attempts() if chain else ())
        if a.end is None and (trials is None or a.identification.folder in trials)
    }


def _result(record: TrialRecord, digest: str, folder: Path) -> Result:
    return Result(
        time_to_target_seconds=record.time_to_target_seconds,
        submission_seconds=record.submission_seconds,
        total_seconds=total_seconds(record),
        attestation_sha256=digest,
        folder=str(folder),
        unofficial_reasons=tuple(record.unofficial_reasons),
        stop_rule="; ".join(reason.rule for reason in record.stop_reasons),
    )


def _changed(what: str, name: str, begun: str, now: str, where: str, results: Path) -> str:
    shown = f"{what} {name!r}" if what != "The key" else what
    fix = {
        "Submission": "Restore its files, give it another name,",
        "Ruleset": "Restore its file,",
        "The key": "Choose the first one with STOPWATCH_KEY,",
    }[what]
    return (
        f"{shown} is not the one that began this study: {where} was started with "
        f"{begun[:12]}…, now it is {now[:12]}…. {fix} or choose another --results than {results}."
    )
