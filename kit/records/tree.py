"""Verification of a results folder: records and ledger, and whether they agree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from kit.records.against_ledger import check_chain, find_ledger, no_ledger
from kit.records.attempts import OPEN
from kit.records.chain import Chain, repeated_without_interruption, verify_chain
from kit.records.files import UNFINISHED
from kit.records.findings import Finding, TreeReport, VerificationReport
from kit.records.ledger import LEDGER
from kit.records.ledger_entry import Identification
from kit.records.signing import PublicKey
from kit.records.verify import is_record, verify_record


def holds_evidence(path: Path) -> bool:
    """Tell whether a folder holds a ledger, or records at any depth."""
    return (path / LEDGER).exists() or bool(_walk(path)[0])


def verify_tree(
    path: Path, *, trusted: Sequence[PublicKey] = (), must_trust: bool = False
) -> TreeReport:
    """Check all records below `path` and the ledger that they belong to."""
    folders, findings = _walk(path)
    ledger = find_ledger(path.resolve())
    chain = verify_chain(ledger) if ledger else None
    records = tuple(
        verify_record(folder, trusted=trusted, must_trust=must_trust, chain=chain)
        for folder in folders
    )
    findings += _duplicates(records)
    if chain is None:
        findings.append(no_ledger(folders))
    else:
        findings.append(check_chain(chain))
        findings += _torn(chain)
        whole = chain.path.parent == path.resolve()
        findings += _attempts(chain, records, whole=whole)
    return TreeReport(path, records, tuple(findings))


def _walk(path: Path) -> tuple[list[Path], list[Finding]]:
    """Return the record folders, not through links, and what else is worth knowing."""
    folders: list[Path] = []
    findings = []
    for parent, names, _ in os.walk(path):
        folder = Path(parent)
        if is_record(folder):
            folders.append(folder)
            names.clear()
        nested: set[str] = set()  # such as comparisons below results/compare
        for name in sorted(names):
            relative = str((folder / name).relative_to(path))
            if name.endswith(UNFINISHED):
                text = "A folder that was being written when the run was killed; it is no record."
            elif (folder / name).is_symlink():
                text = "A symbolic link; what it leads to was not verified."
            elif (folder / name / LEDGER).is_file():
                text = "A results folder of its own, with its own ledger; verify it by itself."
                nested.add(name)
            else:
                continue
            findings.append(Finding("files", "note", relative, text))
        names[:] = sorted(n for n in names if not n.endswith(UNFINISHED) and n not in nested)
    return sorted(folders), findings


def _duplicates(records: Sequence[VerificationReport]) -> Iterator[Finding]:
    seen: dict[Identification, Path] = {}
    for report in records:
        if report.record is None:
            continue
        which = Identification.of(report.record)
        if which in seen:
            text = f"The same attempt is recorded in {seen[which]} too: {which}."
            yield Finding("records", "problem", str(report.path), text)
        seen.setdefault(which, report.path)


def _torn(chain: Chain) -> Iterator[Finding]:
    for torn in sorted(chain.path.parent.glob(f"{Path(LEDGER).stem}.torn-*")):
        text = "A line that a power cut or a kill left incomplete; it was never acknowledged."
        yield Finding("ledger chain", "note", torn.name, text)


def _attempts(
    chain: Chain, records: Sequence[VerificationReport], *, whole: bool
) -> Iterator[Finding]:
    """Compare what the ledger lists with the records that are there."""
    if chain.problem:
        return
    present = {report.envelope_sha256 for report in records}
    for attempt in chain.attempts():
        which = attempt.identification
        if attempt.state in OPEN and not attempt.tried.clock_started:
            text = f"{which}: ended during set-up, or still runs; it is not used up."
            yield Finding("attempts", "note", LEDGER, text)
        elif attempt.end is None:
            text = (
                f"{which}: started, no end. Unless it still runs, it counts as missed (infinity)."
            )
            yield Finding("attempts", "note", LEDGER, text)
        elif attempt.end.end.envelope_sha256 is None:
            text = f"{which}: ended as {attempt.state} and left no record."
            yield Finding("attempts", "note", LEDGER, text)
        elif whole and attempt.end.end.envelope_sha256 not in present:
            text = f"{which}: ended as {attempt.state}, but its record is missing or altered."
            yield Finding("attempts", "problem", LEDGER, text)
    for attempt in repeated_without_interruption(chain.attempts()):
        text = f"{attempt.identification}: repeated although an earlier attempt had finished."
        yield Finding("attempts", "note", LEDGER, text)
