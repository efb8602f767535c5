"""The whole review, once everything is downloaded: evidence first, then what W&B shows beside it.

| what may be wrong | check that names it |
|---|---|
| a file, a signature, a digest, a derived number | as `kit verify` calls it |
| an artifact that is gone, altered, hostile, or not of this project | evidence |
| a verdict code that leads elsewhere, or nowhere | alias |
| a signature by a key that is not on the list | key |
| a run that is gone, or that no record stands behind | run |
| name, tags, config, summary or history that were edited | run, tags, config, summary, history |
| a ledger that was rewritten, cut off, or has two histories | ledger, witness |
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.errors import VerificationError
from kit.mirror.board_report import BOARD_JOB
from kit.mirror.bundle import EVIDENCE_TYPE, LEDGER_TYPE, read_record_files
from kit.mirror.replay import ledger_replay, replay_of
from kit.mirror.witness import WITNESS_TYPE, collection_of
from kit.records.atomic import disk_errors
from kit.records.attestation import open_envelope
from kit.records.files import ATTESTATION, read_regular
from kit.records.findings import Finding, VerificationReport
from kit.records.ledger import LEDGER
from kit.records.ledger_entry import Identification
from kit.records.tree import verify_tree
from kit.records.trusted_keys import Role, TrustedKeys
from kit.review.compare import compare_run
from kit.review.copies import Copies, RunCopy
from kit.review.evidence import LedgerCopy, pick_ledgers, pick_record, run_id_of
from kit.review.witnessed import Testimony, hear

_WITHOUT_LEDGER = "without-ledger"


@dataclass(frozen=True)
class Examined:
    """One record, what it counts as, and all that was found about it and its run."""

    run_id: str
    report: VerificationReport
    role: Role | None  # of whoever signed; None: nobody on the list
    entered: bool  # in a ledger that is sound
    witnessed: bool
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        """Tell whether the evidence is believed, whatever W&B shows beside it."""
        return self.report.ok and self.entered and self.role is not None

    @property
    def ok(self) -> bool:
        """Tell whether evidence and run match."""
        return self.sound and not any(f.status == "problem" for f in self.findings)

    @property
    def counts_as(self) -> str:
        """Return in a word what a believed record is."""
        record = self.report.record
        if not self.sound or record is None:
            return "not believed"
        if self.role == "self_reporter":
            return "self-reported"
        return "official" if record.official else "unofficial"


@dataclass(frozen=True)
class Review:
    """What a review of a project found; `folders` hold the evidence, one for each ledger."""

    findings: tuple[Finding, ...]
    records: tuple[Examined, ...]
    ledgers: tuple[LedgerCopy, ...]
    folders: tuple[Path, ...]

    @property
    def problems(self) -> list[Finding]:
        """Return all that does not match, each thing once."""
        every = [*self.findings, *(f for record in self.records for f in record.findings)]
        return [f for f in dict.fromkeys(every) if f.status == "problem"]

    @property
    def notes(self) -> list[Finding]:
        """Return what is worth knowing about the project as a whole."""
        return [f for f in self.findings if f.status == "note"]

    @property
    def ok(self) -> bool:
        """Tell whether everything matches, and there is something."""
        return bool(self.records) and not self.problems


def examine(copies: Copies, keys: TrustedKeys, folder: Path) -> Review:
    """Put the evidence in order below `folder`, verify it, and compare the runs with it.

    Raises:
        TrialError: `folder` cannot be written.
    """
    ledgers, findings = pick_ledgers(copies.of_type(LEDGER_TYPE))
    placed, about_records = _place(copies, ledgers, folder)
    findings += about_records
    heads = copies.of_type(WITNESS_TYPE)
    heard = [hear(x.name, x.chain, heads.get(collection_of(x.name), [])) for x in ledgers]
    findings += [f for testimony in heard for f in testimony.findings]
    runs = {run.run_id: run for run in copies.runs}
    records: list[Examined] = []
    for place in placed:
        tree = verify_tree(place, trusted=keys.public)
        findings += [f for f in tree.findings if f.check != "attempts" or f.status == "note"]
        records += [_examined(report, runs, keys, heard) for report in tree.records]
    findings += _about_ledgers(ledgers, runs, keys)
    findings += _about_runs(ledgers, records, runs)
    unique = tuple(dict.fromkeys(findings))
    return Review(unique, tuple(records), tuple(ledgers), tuple(placed))


def _place(
    copies: Copies, ledgers: Sequence[LedgerCopy], folder: Path
) -> tuple[list[Path], list[Finding]]:
    """Copy every record into the folder of its ledger; names come from digests alone."""
    findings = []
    home = {entry.sha256: ledger.name for ledger in ledgers for entry in ledger.chain.entries}
    with disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        for ledger in ledgers:
            (folder / ledger.name).mkdir(parents=True)
            shutil.copyfile(ledger.chain.path, folder / ledger.name / LEDGER)
    for collection, versions in copies.of_type(EVIDENCE_TYPE).items():
        files, found = pick_record(collection, versions)
        findings += found
        if files is not None:
            where = folder / home.get(_head_of(files), _WITHOUT_LEDGER)
            with disk_errors(folder):
                run_id = collection.removeprefix("evidence-")
                shutil.copytree(files, where / run_id, copy_function=shutil.copyfile)
    if not os.path.lexists(folder):
        return [], findings
    return sorted(path for path in folder.iterdir() if path.is_dir()), findings


def _head_of(files: Path) -> str:
    try:
        return open_envelope(read_regular(files / ATTESTATION)).predicate.get("ledger_head", "")
    except VerificationError:
        return ""


def _examined(
    report: VerificationReport,
    runs: Mapping[str, RunCopy],
    keys: TrustedKeys,
    heard: Sequence[Testimony],
) -> Examined:
    run_id, record = report.path.name, report.record
    role = keys.role_of(report.signer.key) if report.signer else None
    where = f"record {run_id}"
    found = [Finding(f.check, f.status, where, f"{f.file}: {f.sentence}") for f in report.findings]
    if report.signer and role is None:
        text = f"It was signed by the key {report.signer.key.hex}, which is not on the list."
        found.append(Finding("key", "problem", where, text))
    entered = report.path.parent.name != _WITHOUT_LEDGER
    if not entered:
        text = "No sound ledger at W&B has the line that this record names as its ledger's head."
        found.append(Finding("ledger", "problem", where, text))
    if run_id not in runs:
        text = "W&B has no run of this record: it was deleted, or never arrived."
        found.append(Finding("run", "problem", f"run {run_id}", text))
    elif report.ok:
        found += compare_run(runs[run_id], replay_of(report, read_record_files(report)))
    which = Identification.of(record) if record else None
    witnessed = any(which in testimony.witnessed for testimony in heard)
    return Examined(run_id, report, role, entered, witnessed, tuple(found))


def _about_ledgers(
    ledgers: Sequence[LedgerCopy], runs: Mapping[str, RunCopy], keys: TrustedKeys
) -> Iterator[Finding]:
    if not ledgers:
        text = "There is no sound ledger, so nothing tells whether records are missing."
        yield Finding("ledger", "problem", LEDGER, text)
    for ledger in ledgers:
        for key in ledger.chain.keys:
            if keys.role_of(key) is None:
                text = f"Lines were signed by the key {key.hex}, which is not on the list."
                yield Finding("key", "problem", f"ledger {ledger.name}", text)
        for chain in ledger.versions:
            signed = ledger_replay(chain)
            if signed.run_id in runs:
                yield from compare_run(runs[signed.run_id], signed)
            else:
                text = "W&B has no run of this version of the ledger."
                yield Finding("run", "problem", f"run {signed.run_id}", text)


def _about_runs(
    ledgers: Sequence[LedgerCopy], records: Sequence[Examined], runs: Mapping[str, RunCopy]
) -> Iterator[Finding]:
    """Compare which runs there are with those that ledgers and records account for."""
    evident = {record.run_id for record in records}
    known = evident | {collection_of(ledger.name) for ledger in ledgers}
    known |= {ledger_replay(chain).run_id for x in ledgers for chain in x.versions}
    for ledger in ledgers:
        for attempt in ledger.chain.attempts():
            digest = attempt.end.end.envelope_sha256 if attempt.end else None
            if digest is None or (run_id := run_id_of(digest)) in evident:
                continue
            known.add(run_id)
            what = "its evidence" if run_id in runs else "its run and its evidence"
            text = (
                f"The ledger lists {attempt.identification}, ended as {attempt.state}; {what} "
                "cannot be found at W&B."
            )
            yield Finding("evidence", "problem", f"run {run_id}", text)
    for run_id in sorted(runs.keys() - known):
        if _is_board(runs[run_id]):
            text = "A leaderboard that a report shows. Nobody signed it, and it was not compared."
            yield Finding("run", "note", f"run {run_id!a}", text)
            continue
        text = "No signed record stands behind this run."
        yield Finding("run", "problem", f"run {run_id!a}", text)


def _is_board(run: RunCopy) -> bool:
    """Tell whether a run is what a report draws its profiles from, and cannot pass for a trial."""
    digest = run.run_id.removeprefix(f"{BOARD_JOB}-")
    named = (run.run_id, run.job_type, run.group) == (f"{BOARD_JOB}-{digest}", BOARD_JOB, BOARD_JOB)
    return named and dict(run.config) == {"leaderboard": digest}
