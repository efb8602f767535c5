"""Read our own records: verified first, then one deciding attempt for each trial.

| what a results folder may hold | what happens |
|---|---|
| an edited file, a broken chain, a forged signature | refused; `--unverified` marks all output |
| a key that is not among those of `--trusted-key` | likewise; without that option a notice |
| a record that the ledger lists and that is gone | the trial is missing (infinity); named |
| an attempt without an end, or interrupted, and no repetition | missing; named |
| a repetition after an attempt that had come to a result | the first result counts; named |
| a trial that was stopped early and resumed | its result, but no time before the stop; named |
| a repetition beyond the ruleset's `max_attempts` | does not count; named |
| records of another ruleset | refused, or left out where `--ruleset` names one |
| records of another version of the ruleset (sha256) | refused |
| attempts with another version of a submission | do not count; named (`versions.py`) |
| no ledger | refused |
| a study that was run in two results folders | refused |
| records that are not official | used; named |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from kit.errors import UsageError, VerificationError
from kit.records.against_ledger import find_ledger
from kit.records.attempts import OPEN, Tried, rule_on
from kit.records.chain import verify_chain
from kit.records.findings import Finding, TreeReport, VerificationReport
from kit.records.ledger import LEDGER, Attempt
from kit.records.ledger_entry import Identification
from kit.records.record import TrialRecord, TrialState
from kit.records.signing import PublicKey
from kit.records.tree import holds_evidence, verify_tree

_SHOWN = 3  # problems in one message


@dataclass(frozen=True)
class Trying:
    """One attempt at a trial as ledger and folder together tell it."""

    identification: Identification
    state: TrialState | None  # None: the ledger has a start and no end
    report: VerificationReport | None  # None: there is no record of it
    started_at: str  # ISO 8601, UTC
    clock_started: bool = True
    uncounted: int = 0  # attempts before it, of other versions of the submission

    @property
    def tried(self) -> Tried:
        """Return it as the rule about attempts needs it."""
        number = self.identification.attempt - self.uncounted
        return Tried(number, self.state, self.clock_started)

    @property
    def folder(self) -> str:
        """Return what all attempts at one trial share."""
        return self.identification.folder


class Deciding(NamedTuple):
    """Which attempt at a trial counts, and what stands beside it."""

    attempt: Trying | None  # None: the trial counts as missed
    stopped_seconds: float  # submission time that went by without a result before a stop
    remarks: list[str]


@dataclass(frozen=True)
class Evidence:
    """Everything below one path, verified or not."""

    path: Path
    results: Path  # the folder of its ledger
    attempts: tuple[Trying, ...]
    notices: tuple[str, ...]
    verified: bool

    @property
    def records(self) -> list[TrialRecord]:
        """Return the records that could be read."""
        reports = (attempt.report for attempt in self.attempts)
        return [report.record for report in reports if report and report.record]


def is_evidence(path: Path) -> bool:
    """Tell whether a folder holds records or a ledger."""
    return path.is_dir() and holds_evidence(path)


def read_evidence(
    path: Path, *, unverified: bool = False, trusted: Sequence[PublicKey] = (), must_trust: bool
) -> Evidence:
    """Read and verify a results folder, or a part of one.

    Raises:
        VerificationError: something does not match, and `unverified` is false.
    """
    report = verify_tree(path, trusted=trusted, must_trust=must_trust)
    problems = list(_problems(report))
    if problems and not unverified:
        more = " …" if len(problems) > _SHOWN else ""
        raise VerificationError(
            f"{path}: {len(problems)} things do not match, so nothing is scored: "
            f"{' '.join(problems[:_SHOWN])}{more} Run `kit verify {path}`; --unverified scores all "
            "the same and says so."
        )
    notices = [f"UNVERIFIED: {problem}" for problem in problems]
    notices += [
        f"{entry.path}: the record cannot be read and does not count."
        for entry in report.records
        if entry.record is None
    ]
    notices += _unknown_keys(report)
    ledger = find_ledger(path.resolve())
    if ledger is None:
        text = f"{path}: there is no ledger, so nothing tells whether records are missing."
        if not unverified:
            raise VerificationError(
                f"{text} Give the results folder with its {LEDGER}; --unverified scores all the "
                "same and says so."
            )
        notices.append(f"UNVERIFIED: {text}")
    attempts = _attempts(report, _below(path, ledger))
    results = ledger.parent if ledger else path.resolve()
    return Evidence(path, results, attempts, tuple(notices), verified=not unverified)


def _unknown_keys(report: TreeReport) -> list[str]:
    """Return the notice about signers that are not trusted, with the records of each."""
    unknown = Counter(
        entry.signer.key.hex if entry.signer else "none that can be read"
        for entry in report.records
        if entry.signer is None or not entry.signer.trusted
    )
    if not unknown:
        return []
    listed = ", ".join(f"{key} ({count})" for key, count in unknown.most_common())
    are = "record is" if unknown.total() == 1 else "records are"
    return [f"{unknown.total()} {are} not signed by a key that you know: {listed}."]


def attempts_by_trial(evidence: Iterable[Evidence]) -> list[list[Trying]]:
    """Return the attempts at each trial, trials and attempts in order."""

    def order(attempt: Trying) -> tuple[str, str, str, int, int, int]:
        which = attempt.identification
        trial = (which.ruleset, which.submission, which.workload_label, which.study, which.trial)
        return (*trial, which.attempt)

    every = sorted((attempt for part in evidence for attempt in part.attempts), key=order)
    return [list(attempts) for _, attempts in groupby(every, key=lambda one: one.folder)]


def deciding_attempt(ordered: Sequence[Trying], max_attempts: int) -> Deciding:
    """Return the attempt at one trial that counts, by the rule of `kit.records.attempts`."""
    ruling = rule_on([a.tried for a in ordered], max_attempts)
    decided = None if ruling.deciding is None else ordered[ruling.deciding]
    stopped = [ordered[position] for position in ruling.stopped]
    records = [attempt.report.record for attempt in stopped if attempt.report]
    stopped_seconds = max((r.submission_seconds for r in records if r), default=0.0)
    remarks = list(_beyond(ordered, decided, max_attempts))
    if decided is None:
        how = "was interrupted" if ordered[-1].state else "has no end"
        remarks.append(f"{ordered[-1].identification}: {how} and was not repeated; it counts as ∞.")
    elif decided.report is None:
        remarks.append(
            f"{decided.identification}: ended as {decided.state}, and its record is not here; it "
            "counts as ∞."
        )
    return Deciding(decided, stopped_seconds, remarks)


def _beyond(ordered: Sequence[Trying], decided: Trying | None, max_attempts: int) -> Iterator[str]:
    """Yield what there is to say about attempts that do not count."""
    free = 0
    for attempt in ordered:
        which = attempt.identification
        if decided and which.attempt > decided.identification.attempt:
            if attempt.state not in OPEN:
                yield f"{which}: repeated after a result; the first result counts."
        elif attempt.tried.number - free > max_attempts:
            yield f"{which}: more than {max_attempts} attempts; it does not count."
        elif attempt.state is TrialState.STOPPED_EARLY and attempt is not decided:
            yield f"{which}: stopped early, and resumed."
        elif attempt.state in OPEN and attempt.tried.is_free:
            yield f"{which}: ended during set-up; it is not used up."
        free += attempt.tried.is_free


def _problems(report: TreeReport) -> Iterator[str]:
    """Yield all that is wrong, records that are gone left out: those count as missing."""
    shared = list(report.findings)
    for finding in report.problems:
        if finding.check != "attempts":
            yield _told(finding, report.path)
    for entry in report.records:
        for finding in entry.problems:
            if finding not in shared:
                yield _told(finding, entry.path)


def _told(finding: Finding, folder: Path) -> str:
    return f"{folder / finding.file}: {finding.sentence}"


def _below(path: Path, ledger: Path | None) -> list[Attempt]:
    """Return the attempts that the ledger lists and whose folders lie below `path`."""
    if ledger is None:
        return []
    root, wanted = ledger.parent, path.resolve()

    attempts = verify_chain(ledger).attempts()
    return [a for a in attempts if (root / a.identification.folder).is_relative_to(wanted)]


def _attempts(report: TreeReport, entered: Sequence[Attempt]) -> tuple[Trying, ...]:
    recorded = {Identification.of(entry.record): entry for entry in report.records if entry.record}
    listed = {attempt.identification for attempt in entered}
    from_ledger = [
        Trying(
            a.identification,
            a.state,
            recorded.get(a.identification),
            a.start.time,
            a.tried.clock_started,
        )
        for a in entered
    ]
    alone = [
        Trying(which, entry.record.state, entry, entry.record.started_at)
        for which, entry in recorded.items()
        if entry.record and which not in listed
    ]
    return (*from_ledger, *alone)


def check_disjoint(evidence: Sequence[Evidence]) -> None:
    """Check that no trial is given twice, and that no study was run in two results folders.

    Raises:
        UsageError: names the trial or the study, and both places.
    """
    seen: dict[str, Path] = {}
    studies: dict[tuple[str, str, str, int], Evidence] = {}
    for part in evidence:
        for which in {attempt.identification for attempt in part.attempts}:
            study = (which.ruleset, which.submission, which.workload_label, which.study)
            first = studies.setdefault(study, part)
            if first.results != part.results:
                raise UsageError(
                    f"The same study was run in {first.path} and in {part.path}: "
                    f"{which.submission}, {which.workload_label}, study {which.study}, ruleset "
                    f"{which.ruleset}. Both have the same points and seeds, so give one of them; "
                    "several hosts divide the numbers of the studies."
                )
            earlier = seen.setdefault(which.folder, part.path)
            if earlier != part.path:
                raise UsageError(
                    f"The same trial is in {earlier} and in {part.path}: {which.trial_words}, "
                    f"ruleset {which.ruleset}. Give one of them."
                )
