"""What W&B has: runs, and versions of artifacts with their downloaded files; none is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit.mirror.bundle import EVIDENCE_TYPE, LEDGER_TYPE
from kit.mirror.witness import ENTRY, WITNESS_TYPE
from kit.records.files import ATTESTATION, ENVIRONMENT, EVALUATIONS, LOG, SUBMISSION, TRIAL
from kit.records.ledger import LEDGER, MAX_LINE_BYTES

_MIB = 1 << 20
# The files that an artifact of a type may hold, and how large each may be. Far above what the kit
# writes, far below what would fill a disk.
LIMITS_BYTES: Mapping[str, Mapping[str, int]] = {
    EVIDENCE_TYPE: {
        TRIAL: 16 * _MIB,
        EVALUATIONS: 64 * _MIB,
        LOG: 64 * _MIB,
        ENVIRONMENT: 4 * _MIB,
        SUBMISSION: 256 * _MIB,
        ATTESTATION: _MIB,
    },
    LEDGER_TYPE: {LEDGER: 256 * _MIB},
    WITNESS_TYPE: {ENTRY: MAX_LINE_BYTES},
}


@dataclass(frozen=True)
class RunCopy:
    """A run as W&B shows it; with a `problem`, which is why the rest could not be read."""

    run_id: str
    name: str = ""
    group: str | None = None
    job_type: str | None = None
    tags: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Any]] = ()
    problem: str = ""


@dataclass(frozen=True)
class VersionCopy:
    """A version of an artifact; `files` is where its files lie, None where a problem kept them."""

    collection: str
    type: str
    version: int
    aliases: frozenset[str]
    created_at: str  # by the server's clock, ISO 8601
    files: Path | None
    problem: str = ""

    @property
    def name(self) -> str:
        """Return what names this version at W&B."""
        return f"{self.collection}:v{self.version}"


@dataclass(frozen=True)
class Copies:
    """All that W&B has of a project."""

    runs: tuple[RunCopy, ...]
    versions: tuple[VersionCopy, ...]

    def of_type(self, kind: str) -> dict[str, list[VersionCopy]]:
        """Return the versions of a type by collection, oldest first."""
        found: dict[str, list[VersionCopy]] = {}
        for version in sorted(self.versions, key=lambda v: (v.collection, v.version)):
            if version.type == kind:
                found.setdefault(version.collection, []).append(version)
        return found
