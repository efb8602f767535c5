"""Where and with what the runs of a calibration were made, read from their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kit.calibration.runs import CalibrationRun
from kit.records.files import read_record
from kit.records.ledger import LEDGER, Ledger
from kit.scoring.reading.conditions import hardware_of, recorded_environment

_PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "tensorflow_cpu", "numpy")


def circumstances(runs: Iterable[CalibrationRun], output: Path) -> dict[str, Any]:
    """Return machines, versions, dates and digests; a list where the runs differ.

    Args:
        runs: all that a calibration rests on.
        output: its folder.
    """
    folders = [output / run.folder for run in runs if run.folder]
    environments = [recorded_environment(folder) for folder in folders]
    records = [read_record(folder)[0] for folder in folders]
    attestations = [run.attestation_sha256 for run in runs if run.attestation_sha256]
    return {
        "machines": _different(hardware_of(e) for e in environments),
        "isolation": _different(r.isolation for r in records),
        "kit_version": _different(r.kit_version for r in records),
        "source": _different(_source(e) for e in environments),
        "versions": _different(_versions(e) for e in environments),
        "image_digest": _different(str(e.get("image_digest") or "none") for e in environments),
        "lock_sha256": _lock(environments),
        "begun_at": min((r.started_at for r in records), default=None),
        "ended_at": max((r.ended_at for r in records), default=None),
        "records": len(attestations),
        "ledger_head": Ledger(output / "results" / LEDGER).head(),
    }


def _different(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _source(environment: Mapping[str, Any]) -> str:
    source = environment.get("source") or {}
    changed = " with changes" if source.get("dirty") else ""
    return f"{source.get('revision') or 'unknown'}{changed}"


def _versions(environment: Mapping[str, Any]) -> str:
    packages = environment.get("packages") or {}
    named = [f"{name} {packages[name]}" for name in _PACKAGES if name in packages]
    return ", ".join([f"Python {environment.get('python', 'unknown')}", *named])


def _lock(environments: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the digests of the locks by file: only those of what can have run."""
    found: dict[str, list[str]] = {}
    for environment in environments:
        for name, digest in (environment.get("lock_sha256") or {}).items():
            if name in ("cpu.lock", "gpu.lock") and digest not in found.setdefault(name, []):
                found[name].append(digest)
    return found
