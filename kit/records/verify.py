"""Verification of one record: signature, digests, and everything that can be recomputed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.errors import KitError, UsageError, VerificationError
from kit.records.against_ledger import (
    check_chain,
    check_entries,
    check_stop_evidence,
    find_ledger,
)
from kit.records.against_rules import check_rules, check_source
from kit.records.archive import unpack
from kit.records.attestation import Attestation, open_envelope, verdict_code
from kit.records.chain import Chain, verify_chain
from kit.records.evaluations import decode_evaluations
from kit.records.files import (
    ATTESTATION,
    ATTESTED,
    ENVIRONMENT,
    EVALUATIONS,
    SUBMISSION,
    TRIAL,
    decode_record,
    predicate_of,
)
from kit.records.findings import Finding, Signer, Status, VerificationReport
from kit.records.ledger import LEDGER
from kit.records.plausibility import doubts
from kit.records.recompute import recompute
from kit.records.record import Evaluation, TrialRecord
from kit.records.signing import PublicKey


@dataclass
class _Verification:
    """The state of one verification: what was read and found so far."""

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    def add(self, check: str, status: Status, file: str, sentence: str) -> None:
        self.findings.append(Finding(check, status, file, sentence))

    def sound(self) -> bool:
        return not any(finding.status == "problem" for finding in self.findings)


def is_record(folder: Path) -> bool:
    """Tell whether a folder holds, or held, a record."""
    return any(os.path.lexists(folder / name) for name in (TRIAL, ATTESTATION))


def verify_record(
    folder: Path,
    *,
    trusted: Sequence[PublicKey] = (),
    must_trust: bool = False,
    chain: Chain | None = None,
) -> VerificationReport:
    """Check everything about the record in `folder` and report all that was found.

    Args:
        folder: of the record.
        trusted: keys whose owner the verifier knows.
        must_trust: another key is then a problem, not a note.
        chain: the ledger, where it was verified before; otherwise it is looked for above `folder`.

    Raises:
        UsageError: `folder` holds no record.
    """
    if not is_record(folder):
        raise UsageError(f"{folder} holds no record: neither {TRIAL} nor {ATTESTATION} is there.")
    state = _Verification(folder)
    _read_files(state)
    envelope = state.contents.get(ATTESTATION)
    attestation = _check_envelope(state, trusted, must_trust=must_trust)
    if attestation is not None:
        _check_digests(state, attestation.digests)
    record, evaluations = _parse(state)
    if record is not None and attestation is not None and state.sound():
        _check_meaning(state, record, evaluations, attestation)
    else:
        text = "Numbers were not recomputed, because the files are not as they were signed."
        state.add("recomputation", "note", TRIAL, text)
    _check_ledger(state, record, attestation, chain)
    return VerificationReport(
        path=folder,
        findings=tuple(state.findings),
        record=record,
        evaluations=tuple(evaluations),
        signer=Signer.of(attestation.key, trusted) if attestation else None,
        verdict_code=verdict_code(envelope) if envelope is not None else None,
        envelope_sha256=hashlib.sha256(envelope).hexdigest() if envelope is not None else None,
    )


def verify_envelope(
    path: Path, *, trusted: Sequence[PublicKey] = (), must_trust: bool = False
) -> VerificationReport:
    """Check an attestation that lies alone, without the files that it is about."""
    state = _Verification(path.parent)
    data = read_regular(path)
    state.contents[ATTESTATION] = data
    attestation = _check_envelope(state, trusted, must_trust=must_trust)
    text = "The record's other files are not here, so their digests were not checked."
    state.add("digests", "note", path.name, text)
    return VerificationReport(
        path=path,
        findings=tuple(state.findings),
        signer=Signer.of(attestation.key, trusted) if attestation else None,
        verdict_code=verdict_code(data),
        envelope_sha256=hashlib.sha256(data).hexdigest(),
    )


def _read_files(state: _Verification) -> None:
    """Read every regular file; report links, folders and whatever else lies there."""
    for entry in sorted(os.scandir(state.folder), key=lambda entry: entry.name):
        if entry.name not in (*ATTESTED, ATTESTATION):
            text = "This file is no part of a record. Move it away."
            state.add("files", "problem", entry.name, text)
            continue
        try:
            state.contents[entry.name] = read_regular(Path(entry.path))
        except KitError as error:
            state.add("files", "problem", entry.name, str(error))
    for name in (*ATTESTED, ATTESTATION):
        if not os.path.lexists(state.folder / name):
            state.add("files", "problem", name, "The file is missing.")


def read_regular(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        VerificationError: it is a link, a device, a folder, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read()
    except OSError as error:
        if not path.is_symlink():
            raise VerificationError(f"The file cannot be read: {error.strerror}.") from None
        raise VerificationError("This is a symbolic link, not a file of its own.") from None
    raise VerificationError("This is not a regular file.")


def _check_envelope(
    state: _Verification, trusted: Sequence[PublicKey], *, must_trust: bool
) -> Attestation | None:
    if ATTESTATION not in state.contents:
        return None
    try:
        attestation = open_envelope(state.contents[ATTESTATION])
    except VerificationError as error:
        state.add("signature", "problem", ATTESTATION, str(error))
        return None
    signer = Signer.of(attestation.key, trusted)
    key_id = signer.key.key_id
    state.add("signature", "ok", ATTESTATION, f"The signature is that of the key {key_id}.")
    if signer.trusted:
        state.add("trust", "ok", ATTESTATION, f"The key is trusted: {signer.name}.")
        return attestation
    text = (
        "Unknown key: integrity only. The files are as the key's owner signed them, but who that "
        "is, somebody must tell you; then pass that key with --trusted-key."
    )
    state.add("trust", "problem" if must_trust else "note", ATTESTATION, text)
    return attestation


def _check_digests(state: _Verification, digests: Mapping[str, str]) -> None:
    if set(digests) != set(ATTESTED):
        text = (
            f"The statement must list exactly: {', '.join(ATTESTED)}. It lists {sorted(digests)}."
        )
        state.add("digests", "problem", ATTESTATION, text)
    for name in ATTESTED:
        if name not in state.contents or name not in digests:
            continue
        found = hashlib.sha256(state.contents[name]).hexdigest()
        if found == digests[name]:
            state.add("digests", "ok", name, "The file is as it was signed.")
        else:
            text = f"The file was changed: its sha256 is {found}, the signed one {digests[name]}."
            state.add("digests", "problem", name, text)


def _parse(state: _Verification) -> tuple[TrialRecord | None, list[Evaluation]]:
    record, evaluations = None, []
    if TRIAL in state.contents:
        try:
            record = decode_record(state.contents[TRIAL], Path(TRIAL))
        except KitError as error:
            state.add("schema", "problem", TRIAL, str(error))
    if EVALUATIONS in state.contents:
        try:
            evaluations = decode_evaluations(state.contents[EVALUATIONS])
        except ValueError as error:
            state.add("schema", "problem", EVALUATIONS, f"The table does not parse: {error}.")
    return record, evaluations


def _check_meaning(
    state: _Verification,
    record: TrialRecord,
    evaluations: list[Evaluation],
    attestation: Attestation,
) -> None:
    expected = predicate_of(record, attestation.predicate.get("ledger_head", ""))
    for name, value in expected.items():
        if (stated := attestation.predicate.get(name)) != value:
            text = f"The statement says {name} {stated!r}, but {TRIAL} says {value!r}."
            state.add("statement", "problem", ATTESTATION, text)
    state.findings += recompute(record, evaluations)
    for text in doubts(record, evaluations):
        state.add("plausibility", "note", EVALUATIONS, text)
    try:
        source = unpack(state.contents[SUBMISSION])
    except ValueError as error:
        state.add("source", "problem", SUBMISSION, f"The archive does not open: {error}.")
        return
    state.findings.append(check_source(record, source))
    state.findings += check_rules(record, source, state.contents[ENVIRONMENT], evaluations)


def _check_ledger(
    state: _Verification,
    record: TrialRecord | None,
    attestation: Attestation | None,
    chain: Chain | None,
) -> None:
    if chain is None:
        path = find_ledger(state.folder.resolve())
        if path is None:
            text = "No ledger lies above the record, so its start and end were not compared."
            state.add("ledger chain", "note", LEDGER, text)
            return
        chain = verify_chain(path)
    state.findings.append(check_chain(chain))
    if record is not None and attestation is not None and not chain.problem:
        state.findings += check_entries(record, attestation, chain)
        state.findings += check_stop_evidence(record, chain)
