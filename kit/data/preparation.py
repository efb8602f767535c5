"""Prepare a data set: originals in, two folders of checked files out, all or nothing."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit.data.definition import DataDefinition, data_definition, require_originals
from kit.data.originals import fetch_originals
from kit.data.prepared import (
    MANIFEST,
    PARTS,
    is_prepared,
    manifest_bytes,
    problems,
    scale_folder,
)
from kit.data.progress import Progress, SilentProgress
from kit.errors import DataError


@dataclass(frozen=True)
class Preparation:
    """What `workloads/<name>/prepare.py: prepare(preparation)` works with."""

    scale: str
    originals: Mapping[str, Path]
    folder: Path  # an empty temporary folder, renamed when everything is there
    progress: Progress

    def save(self, split: str, **arrays: np.ndarray) -> None:
        """Write the arrays of a split as `.npy` files, the same bytes on every machine."""
        below = "train" if split == "train" else f"evaluation/{split}"
        (self.folder / below).mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(self.folder / below / f"{name}.npy", np.ascontiguousarray(array))


def prepare(
    workload: str,
    scale: str,
    *,
    user_folder: Path | None = None,
    progress: Progress | None = None,
    read_everything: bool = False,
) -> Path:
    """Prepare the data of a workload unless it is prepared; return its folder.

    What is there is checked by its sizes, or by every checksum if `read_everything`.

    Raises:
        DataError: no source provides an original, the result differs from the definition, or this
            version cannot prepare the data.
    """
    progress = progress or SilentProgress()
    definition = data_definition(workload, scale)
    folder = scale_folder(workload, scale)
    if _is_sound(definition, read_everything):
        return folder
    require_originals(definition)
    try:
        with _exclusive(folder):
            if not _is_sound(definition, read_everything):  # another process may have been faster
                _prepare(definition, folder, user_folder, progress)
    except OSError as error:
        raise DataError(
            f"The data of {definition.label} cannot be prepared: {error.filename or folder}: "
            f"{error.strerror}."
        ) from None
    return folder


def _is_sound(definition: DataDefinition, read_everything: bool) -> bool:
    if not is_prepared(definition.workload, definition.scale):
        return False
    return not (read_everything and problems(definition, read_everything=True))


def _prepare(
    definition: DataDefinition, folder: Path, user_folder: Path | None, progress: Progress
) -> None:
    originals = fetch_originals(definition, user_folder, progress)
    temporary = folder.with_name(f".{folder.name}.incomplete")
    shutil.rmtree(temporary, ignore_errors=True)
    for part in PARTS:
        (temporary / part).mkdir(parents=True)
    try:
        progress.stage(f"Preparing {definition.label}")
        module = importlib.import_module(f"workloads.{definition.workload}.prepare")
        module.prepare(Preparation(definition.scale, originals, temporary, progress))
        for part in PARTS:
            _seal(temporary / part, definition.prepared.get(part), definition)
        _replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _seal(folder: Path, expected: str | None, definition: DataDefinition) -> None:
    content = manifest_bytes(folder)
    received = hashlib.sha256(content).hexdigest()
    if expected is not None and received != expected:
        raise DataError(
            f"Preparing {definition.label} gave other bytes than its definition says "
            f"({folder.name}: {received}, expected {expected}). "
            f"Report this; the originals had the right checksums."
        )
    (folder / MANIFEST).write_bytes(content)


def _replace(new: Path, folder: Path) -> None:
    """Put `new` where `folder` is; what was there is damaged and goes."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Let one process at a time prepare this data; the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder.with_name(f".{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
