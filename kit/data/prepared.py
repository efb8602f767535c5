"""Prepared data on disk: where it lies, how it is checked, how it is read.

    <data root>/<workload>/<scale>/train/manifest.json         all that a trainer sees
                                  /train/<array>.npy
                                  /evaluation/manifest.json
                                  /evaluation/<split>/<array>.npy

Each part has a manifest of its files; the sha256 of the manifest is part of the workload's
definition. So the quick check reads two small files and the sizes of the others.
"""

from __future__ import annotations

import enum
import hashlib
import json
from pathlib import Path

import numpy as np

from kit import paths
from kit.data.content import sha256_of
from kit.data.definition import DataDefinition, data_definition, prepare_command
from kit.errors import DataError

PARTS = ("train", "evaluation")
MANIFEST = "manifest.json"


class DataStatus(enum.StrEnum):
    """What the quick check says about prepared data."""

    PREPARED = "prepared"
    ABSENT = "not prepared"
    DAMAGED = "damaged"
    IMPOSSIBLE = "not available"  # nobody can prepare it with this version


def scale_folder(workload: str, scale: str) -> Path:
    """Return the folder of prepared data of a workload at a scale."""
    return paths.data_root() / workload / scale


def train_folder(workload: str, scale: str) -> Path:
    """Return the only folder that a trainer may see."""
    return scale_folder(workload, scale) / "train"


def evaluation_folder(workload: str, scale: str) -> Path:
    """Return the folder of the evaluation splits, hidden from trainers."""
    return scale_folder(workload, scale) / "evaluation"


def split_folder(workload: str, scale: str, split: str) -> Path:
    """Return the folder of one split."""
    if split == "train":
        return train_folder(workload, scale)
    return evaluation_folder(workload, scale) / split


def manifest_bytes(folder: Path) -> bytes:
    """Describe every file below `folder`: canonical JSON with sizes and sha256."""
    files = {
        file.relative_to(folder).as_posix(): {
            "bytes": file.stat().st_size,
            "sha256": sha256_of(file),
        }
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    return json.dumps({"files": files}, indent=1, sort_keys=True).encode() + b"\n"


def problems(definition: DataDefinition, *, read_everything: bool = False) -> list[str]:
    """Return what is wrong with prepared data, one line each; sizes only, or all checksums."""
    folder = scale_folder(definition.workload, definition.scale)
    found: list[str] = []
    for part in PARTS:
        expected = definition.prepared.get(part)
        found += _problems_of_part(folder / part, expected, read_everything)
    return found


def _problems_of_part(folder: Path, expected: str | None, read_everything: bool) -> list[str]:
    manifest = folder / MANIFEST
    try:
        content = manifest.read_bytes()
        files = {
            name: (int(entry["bytes"]), str(entry["sha256"]))
            for name, entry in json.loads(content)["files"].items()
        }
    except FileNotFoundError:
        return [f"{manifest} is missing"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return [f"{manifest} is not a manifest"]
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        return [f"{manifest} is not the one in the workload's definition"]
    return [
        problem
        for name, (size, sha256) in files.items()
        if (problem := _problem_of_file(folder / name, size, sha256 if read_everything else None))
    ]


def _problem_of_file(file: Path, expected_bytes: int, sha256: str | None) -> str | None:
    if not file.is_file():
        return f"{file} is missing"
    size = file.stat().st_size
    if size != expected_bytes:
        return f"{file} has {size} bytes instead of {expected_bytes}"
    if sha256 is not None and sha256_of(file) != sha256:
        return f"{file} has been altered"
    return None


def status(workload: str, scale: str) -> DataStatus:
    """Return the result of the quick check: manifests and sizes."""
    definition = data_definition(workload, scale)
    if not scale_folder(workload, scale).exists():
        return DataStatus.ABSENT if definition.originals else DataStatus.IMPOSSIBLE
    return DataStatus.DAMAGED if problems(definition) else DataStatus.PREPARED


def is_prepared(workload: str, scale: str) -> bool:
    """Tell whether the quick check passes."""
    return status(workload, scale) is DataStatus.PREPARED


def prepared_bytes(workload: str, scale: str) -> int:
    """Return the size on disk of prepared data."""
    folder = scale_folder(workload, scale)
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def verify(workload: str, scale: str) -> None:
    """Read every byte and compare all checksums.

    Raises:
        DataError: the data is not prepared, or something is missing or altered.
    """
    definition = data_definition(workload, scale)
    if not scale_folder(workload, scale).exists():
        raise DataError(f"{definition.label} is not prepared. Run: {definition.command}")
    found = problems(definition, read_everything=True)
    if found:
        raise DataError(damaged_message(workload, scale, "; ".join(found)))


def manifest_digests(workload: str, scale: str) -> dict[str, str]:
    """Return the sha256 of both manifests, which fix every byte of the data, by part."""
    folder = scale_folder(workload, scale)
    return {
        part: hashlib.sha256((folder / part / MANIFEST).read_bytes()).hexdigest()
        for part in PARTS
        if (folder / part / MANIFEST).is_file()
    }


def damaged_message(workload: str, scale: str, problem: str) -> str:
    """Return the one-line message for damaged data, with the fix."""
    return (
        f"The prepared data of {workload} ({scale}) is damaged: {problem}. "
        f"Run: {prepare_command(workload, scale)}"
    )


def load_arrays(
    workload: str, scale: str, split: str, *, memory_mapped: bool = False
) -> dict[str, np.ndarray]:
    """Read the arrays of one split by name; memory-mapped ones only where they are looked at.

    Raises:
        DataError: they are missing or damaged; the message says how to prepare them again.
    """
    folder = split_folder(workload, scale, split)
    if not folder.is_dir():
        raise DataError(
            f"The {split} data of {workload} ({scale}) is missing from {folder}. "
            f"Run: {prepare_command(workload, scale)}"
        )
    part = train_folder(workload, scale) if split == "train" else folder.parent
    found = _problems_of_part(part, None, False)
    if found:
        raise DataError(damaged_message(workload, scale, found[0]))
    arrays = {}
    for file in sorted(folder.glob("*.npy")):
        try:
            arrays[file.stem] = np.load(
                file, mmap_mode="r" if memory_mapped else None, allow_pickle=False
            )
        except (OSError, ValueError, EOFError) as error:
            reason = f"{file}: {' '.join(str(error).split())}"
            raise DataError(damaged_message(workload, scale, reason)) from None
    return arrays
