"""The conditions that records were made under: hardware, image, isolation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.errors import VerificationError
from kit.records.files import ENVIRONMENT, read_regular
from kit.records.findings import VerificationReport

_NAMES = {
    "hardware": "hardware",
    "image_digest": "the referee's image",
    "trainer_image_digest": "the trainer's image",
    "isolation": "isolation",
    "kit_version": "versions of the kit",
}


def conditions_of(report: VerificationReport) -> dict[str, str]:
    """Return the conditions of one record, in words."""
    environment = recorded_environment(report.path)
    return {
        "hardware": hardware_of(environment),
        "image_digest": str(environment.get("image_digest") or "none"),
        "trainer_image_digest": str(environment.get("trainer_image_digest") or "none"),
        "isolation": report.record.isolation if report.record else "unknown",
        "kit_version": report.record.kit_version if report.record else "unknown",
    }


def hardware_of(environment: Mapping[str, Any]) -> str:
    """Return processor, cores and GPUs of a description of a machine, in words."""
    found = environment.get("gpus")
    gpus = found if isinstance(found, list) else []
    devices = [str(gpu.get("name")) for gpu in gpus if isinstance(gpu, Mapping)]
    cores = f"{environment['cpu_cores']} × " if environment.get("cpu_cores") else ""
    return " + ".join([f"{cores}{environment.get('cpu') or 'unknown processor'}", *devices])


def mixed_conditions(
    by_submission: Mapping[str, Sequence[Mapping[str, str]]],
) -> tuple[list[str], dict[str, list[str]]]:
    """Compare the conditions of all submissions.

    Returns:
        A notice for each condition that is not the same everywhere, and per submission the values
        of those conditions, to stand beside its score.
    """
    notices: list[str] = []
    remarks: dict[str, list[str]] = {name: [] for name in by_submission}
    for key, words in _NAMES.items():
        used = {
            name: sorted({conditions[key] for conditions in every})
            for name, every in by_submission.items()
        }
        values = sorted({value for own in used.values() for value in own})
        if len(values) < 2:
            continue
        notices.append(
            f"Not comparable without care: {words} differ: {'; '.join(map(_short, values))}."
        )
        for name, own in used.items():
            remarks[name].append(f"{key}: {' and '.join(map(_short, own))}")
    return notices, remarks


def recorded_environment(folder: Path) -> Mapping[str, Any]:
    """Return what `environment.json` of a record holds; empty where it cannot be read."""
    try:
        content = json.loads(read_regular(folder / ENVIRONMENT))
    except (VerificationError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:59] + "…"
