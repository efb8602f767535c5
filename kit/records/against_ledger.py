"""Compares a record with the ledger: was it started, ended, and entered as it is now?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from kit.records.attempts import REPEATABLE
from kit.records.attestation import Attestation
from kit.records.chain import Chain
from kit.records.files import ATTESTATION, TRIAL
from kit.records.findings import Finding
from kit.records.folders import attempt_folder, is_in_results
from kit.records.ledger import LEDGER, Attempt
from kit.records.ledger_entry import Entry, Identification
from kit.records.record import TrialRecord

_LEVELS = 6  # results/<ruleset>/<submission>/<workload>/study_<i>/trial_<j>


def find_ledger(folder: Path) -> Path | None:
    """Return the ledger of the results folder that `folder` lies in."""
    levels = [folder, *folder.parents][:_LEVELS]
    return next((level / LEDGER for level in levels if (level / LEDGER).is_file()), None)


def check_chain(chain: Chain) -> Finding:
    """Say whether the ledger as a whole is sound."""
    if chain.problem:
        text = f"{chain.path}: {chain.problem}."
        return Finding("ledger chain", "problem", LEDGER, text)
    text = f"All {len(chain.entries)} entries are linked and signed by {len(chain.keys)} key(s)."
    return Finding("ledger chain", "ok", LEDGER, text)


def no_ledger(folders: Iterable[Path]) -> Finding:
    """Say that no ledger lies above records: a problem in a results folder, which must have one."""
    if any(map(is_in_results, folders)):
        text = (
            "The results folder has lost its ledger, so nothing tells whether records are missing "
            f"or were repeated. Restore {LEDGER} from a copy."
        )
        return Finding("ledger seen", "problem", LEDGER, text)
    text = "Ledger not seen: start and end were not compared, and other attempts are unknown."
    return Finding("ledger seen", "note", LEDGER, text)


def check_place(record: TrialRecord, folder: Path, ledger: Path | None) -> list[Finding]:
    """Check that a record lies where its own trial and attempt belong."""
    path = folder.resolve()
    belongs = attempt_folder(Path(record.id.folder), record.attempt)
    if not is_in_results(path):
        return []
    if ledger is not None and path.is_relative_to(ledger.parent):
        lies = path.relative_to(ledger.parent)
    else:  # how the folders above it are called is up to who copied it
        lies, belongs = Path(*path.parts[-2:]), Path(*belongs.parts[-2:])
    if lies == belongs:
        return []
    text = f"This is the record of {record.id}, attempt {record.attempt}. It belongs into {belongs}"
    return [Finding("place", "problem", TRIAL, f"{text}, and lies in {lies}.")]


def check_entries(record: TrialRecord, attestation: Attestation, chain: Chain) -> list[Finding]:
    """Check that the ledger tells the same about this record as the record itself."""
    problems = list(_problems(record, attestation, chain))
    if problems:
        return [Finding("ledger entries", "problem", LEDGER, problem) for problem in problems]
    which = Identification.of(record)
    attempt = next(a for a in chain.attempts_at(which.folder) if a.identification == which)
    lines = [entry.index + 1 for entry in (attempt.start, attempt.clock, attempt.end) if entry]
    text = (
        f"Start and end are entered in lines {', '.join(map(str, lines))} of {len(chain.entries)}."
    )
    return [Finding("ledger entries", "ok", LEDGER, text)]


def check_stop_evidence(record: TrialRecord, chain: Chain) -> list[Finding]:
    """Check that the results which justified an early stop were there before the trial started."""
    rests_on = {digest for reason in record.stop_reasons for digest in reason.evidence}
    if not rests_on:
        return []
    which = Identification.of(record)
    start = next((a.start.index for a in chain.attempts() if a.identification == which), 0)
    ends = {a.end.end.envelope_sha256: a for a in chain.attempts() if a.end and a.end.index < start}
    later = {a.end.end.envelope_sha256 for a in chain.attempts() if a.end} - ends.keys()
    findings = [
        Finding("stop evidence", "problem", TRIAL, f"The early stop rests on the result {digest}, "
                "which the ledger enters only after this trial had started.")
        for digest in sorted(rests_on & later)
    ]  # fmt: skip
    elsewhere = len(rests_on - ends.keys() - later)
    if elsewhere:
        text = (
            f"The early stop rests on {elsewhere} results that this ledger does not list. Scoring "
            "does not rely on them: it refuses a score that a longer run could change."
        )
        findings.append(Finding("stop evidence", "note", TRIAL, text))
    text = "The results that the early stop rests on were entered before the trial started."
    return findings or [Finding("stop evidence", "ok", TRIAL, text)]


def _problems(record: TrialRecord, attestation: Attestation, chain: Chain) -> Iterator[str]:
    which = Identification.of(record)
    attempts = chain.attempts_at(which.folder)
    same = [a for a in attempts if a.identification.attempt == which.attempt]
    if not same:
        yield f"No entry says that {which} was started."
        return
    attempt = same[0]
    entered, recorded = attempt.identification.model_dump(), which.model_dump()
    for field, value in recorded.items():
        if entered[field] != value:
            line = attempt.start.index + 1
            yield f"Line {line} says {field} {entered[field]!r}; {TRIAL} says {value!r}."
    if attempt.start.public_key != attestation.key.hex:
        yield f"Line {attempt.start.index + 1} was signed by another key than {ATTESTATION}."
    if attempt.tells_clock and attempt.clock is None and record.submission_seconds > 0:
        yield (
            f"{which} used {record.submission_seconds:.3f} s of submission time, but no entry says "
            "that its clock started."
        )
    yield from _end_problems(record, attestation, attempt)
    yield from _head_problems(attestation, attempt, chain)
    if record.official:
        yield from _official_problems(attempt, attempts, chain)


def _end_problems(record: TrialRecord, attestation: Attestation, attempt: Attempt) -> Iterator[str]:
    if attempt.end is None:
        yield (
            f"{attempt.identification} has a start but no end: the run was killed before the "
            "end was entered, or the ledger was cut off."
        )
        return
    line, end = attempt.end.index + 1, attempt.end.end
    if end.state is not record.state:
        yield f"Line {line} says state {end.state}; {TRIAL} says {record.state}."
    if end.envelope_sha256 != attestation.envelope_sha256:
        yield (
            f"Line {line} names the attestation with sha256 {end.envelope_sha256}; "
            f"{ATTESTATION} has {attestation.envelope_sha256}."
        )


def _head_problems(attestation: Attestation, attempt: Attempt, chain: Chain) -> Iterator[str]:
    head = attestation.predicate.get("ledger_head", "")
    before_end = attempt.end.index if attempt.end else len(chain.entries)
    between = chain.entries[attempt.start.index : before_end]
    if head not in {entry.sha256 for entry in between}:
        yield (
            f"{ATTESTATION} names the ledger head {head[:16]}…, which is no entry between start "
            "and end of the trial: the ledger was rewritten."
        )


def _official_problems(attempt: Attempt, attempts: list[Attempt], chain: Chain) -> Iterator[str]:
    which = attempt.identification
    for earlier in attempts:
        finished = earlier.state not in REPEATABLE
        if earlier.start.index < attempt.start.index and finished:
            yield (
                f"official is true, but attempt {earlier.identification.attempt} at this trial had "
                f"already ended as {earlier.state}."
            )
    before = (entry for entry in chain.studies if entry.index < attempt.start.index)
    if not any(_commits(entry, which) for entry in before):
        yield f"official is true, but no entry before the start commits to study {which.study}."


def _commits(entry: Entry, which: Identification) -> bool:
    wanted = {"ruleset": which.ruleset, "submission": which.submission, "study": which.study}
    return wanted.items() <= entry.body.items()
