"""What a verification found, in sentences that a stranger understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kit.records.record import Evaluation, TrialRecord
from kit.records.signing import PublicKey

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. A note is worth knowing; a problem is something that differs."""

    check: str
    status: Status
    file: str
    sentence: str


@dataclass(frozen=True)
class Signer:
    """Who signed: a trusted key has the name that the verifier gave it."""

    key: PublicKey
    trusted: bool
    name: str

    @classmethod
    def of(cls, key: PublicKey, trusted: Sequence[PublicKey]) -> Signer:
        """Return who has the key `key`, given the keys that are trusted."""
        known = [candidate.name for candidate in trusted if candidate.hex == key.hex]
        return cls(key, bool(known), next(filter(None, known), key.name))


@dataclass(frozen=True)
class VerificationReport:
    """What verification of one record found; `record` is None where it could not be read."""

    path: Path
    findings: tuple[Finding, ...]
    record: TrialRecord | None = None
    evaluations: tuple[Evaluation, ...] = ()
    signer: Signer | None = None
    verdict_code: str | None = None
    envelope_sha256: str | None = None

    @property
    def problems(self) -> list[Finding]:
        """Return what is wrong."""
        return [finding for finding in self.findings if finding.status == "problem"]

    @property
    def ok(self) -> bool:
        """Tell whether everything matches."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "path": str(self.path),
            "ok": self.ok,
            "verdict_code": self.verdict_code,
            "envelope_sha256": self.envelope_sha256,
            "signed_by": _signer_dict(self.signer),
            "state": self.record.state.value if self.record else None,
            "time_to_target_seconds": self.record.time_to_target_seconds if self.record else None,
            "official": self.record.official if self.record else None,
            "findings": [finding.__dict__ for finding in self.findings],
        }


@dataclass(frozen=True)
class TreeReport:
    """What verification of a results folder found."""

    path: Path
    records: tuple[VerificationReport, ...]
    findings: tuple[Finding, ...]  # about the ledger and the folder as a whole

    @property
    def problems(self) -> list[Finding]:
        """Return what is wrong with the whole; each record has its own."""
        return [finding for finding in self.findings if finding.status == "problem"]

    @property
    def ok(self) -> bool:
        """Tell whether everything matches."""
        return not self.problems and all(record.ok for record in self.records)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON."""
        return {
            "path": str(self.path),
            "ok": self.ok,
            "records": [record.as_dict() for record in self.records],
            "findings": [finding.__dict__ for finding in self.findings],
        }


def _signer_dict(signer: Signer | None) -> dict[str, Any] | None:
    if signer is None:
        return None
    return {
        "name": signer.name,
        "key_id": signer.key.key_id,
        "public_key": signer.key.hex,
        "trusted": signer.trusted,
    }
