"""Evidence as it is sent: the files of a record, or a ledger, under a name that follows from them.

The bytes that are sent are those that were verified: they are read once, and compared with the
digests that were signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.errors import VerificationError
from kit.records.attestation import open_envelope
from kit.records.chain import Chain
from kit.records.files import ATTESTATION, ATTESTED, read_file, read_regular
from kit.records.findings import VerificationReport
from kit.records.ledger import LEDGER
from kit.rules.source_digest import digest_files

EVIDENCE_TYPE = "stopwatch-evidence"
LEDGER_TYPE = "stopwatch-ledger"
_ID_DIGITS = 32  # of a sha256 in hexadecimal: 128 bits


@dataclass(frozen=True)
class Bundle:
    """An artifact that is to be at W&B: `name`:`alias`, holding exactly `files`."""

    name: str
    type: str
    alias: str
    description: str
    metadata: Mapping[str, str]
    files: Mapping[str, bytes]


def run_id(report: VerificationReport, files: Mapping[str, bytes]) -> str:
    """Return the id of a record's run: its attestation's digest.

    A record that does not verify gets an id from all its bytes, so that it never takes the place of
    the signed one.
    """
    if report.ok and report.envelope_sha256:
        return f"sw-{report.envelope_sha256[:_ID_DIGITS]}"
    return f"unverified-{digest_files(files)[:_ID_DIGITS]}"


def ledger_name(chain: Chain) -> str:
    """Return a ledger's random name; of one that is damaged from the start, its digest."""
    if chain.entries and chain.entries[0].kind == "genesis":
        return str(chain.entries[0].body["ledger"])
    return hashlib.sha256(read_file(chain.path)).hexdigest()[:_ID_DIGITS]


def read_record_files(report: VerificationReport) -> dict[str, bytes]:
    """Return the files of a record that was verified, as they were then.

    Raises:
        VerificationError: a file is not any more what was verified.
    """
    if not report.ok:
        return _whatever_is_there(report.path)
    files = {name: read_regular(report.path / name) for name in (*ATTESTED, ATTESTATION)}
    digests = open_envelope(files[ATTESTATION]).digests
    found = {name: hashlib.sha256(files[name]).hexdigest() for name in ATTESTED}
    envelope = hashlib.sha256(files[ATTESTATION]).hexdigest()
    if found != digests or envelope != report.envelope_sha256:
        raise VerificationError(
            f"{report.path} changed after it was verified, so it was not sent. Run `kit verify "
            f"{report.path}`."
        )
    return files


def evidence_of(report: VerificationReport, files: Mapping[str, bytes]) -> Bundle:
    """Return the evidence of a record: its folder, which `kit verify` checks as it is."""
    which = run_id(report, files)
    verdict = report.verdict_code if report.ok else None
    return Bundle(
        name=f"evidence-{which}",
        type=EVIDENCE_TYPE,
        alias=verdict or "unverified",
        description="A signed record of one trial. Download it and run `kit verify` on the folder.",
        metadata={f"sha256/{n}": hashlib.sha256(c).hexdigest() for n, c in sorted(files.items())},
        files=files,
    )


def ledger_bundle(chain: Chain) -> Bundle:
    """Return the complete lines of a ledger; its head names the version."""
    content = b"".join(entry.line for entry in chain.entries)
    if chain.problem:
        content = read_file(chain.path)
    digest = hashlib.sha256(content).hexdigest()
    head = chain.entries[-1].sha256 if chain.entries and not chain.problem else digest
    return Bundle(
        name=f"ledger-{ledger_name(chain)}",
        type=LEDGER_TYPE,
        alias=f"head-{head[:16]}",
        description="Every attempt that was started, as a signed hash chain.",
        metadata={"head": head, "entries": str(len(chain.entries)), f"sha256/{LEDGER}": digest},
        files={LEDGER: content},
    )


def _whatever_is_there(folder: Path) -> dict[str, bytes]:
    found = {}
    for name in (*ATTESTED, ATTESTATION):
        try:
            found[name] = read_regular(folder / name)
        except VerificationError:
            continue
    return found
