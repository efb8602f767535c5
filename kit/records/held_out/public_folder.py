"""The public folder of one draw: statements, and the ruleset's file as it was then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kit import paths
from kit.errors import TrialError, UsageError, VerificationError
from kit.records.atomic import disk_errors
from kit.records.held_out.statements import COMMIT, REVEAL

MAX_FILE_BYTES = 4 << 20
_OURS = re.compile(rf"{COMMIT}|{REVEAL}|freeze-[1-9][0-9]{{0,3}}\.json|[a-z0-9][a-z0-9._-]*\.yaml")


def default_folder(ruleset: str) -> Path:
    """Return where the statements of a ruleset lie unless a user says otherwise."""
    return paths.held_out_root() / ruleset


def read_public_folder(folder: Path) -> dict[str, bytes]:
    """Return the content of the public files in `folder`, by name; empty where there is none.

    Raises:
        UsageError: there is no such folder.
        VerificationError: a file cannot be read, or is far too large.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if _OURS.fullmatch(name))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(
            f"{folder}: {reason}. Give the folder with {COMMIT}; `kit heldout commit` makes it."
        ) from None
    return {name: _read(folder / name) for name in names}


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other writers out of `folder`; the kernel lets go with the process.

    Raises:
        TrialError: another process takes a step there, or the folder cannot be opened.
    """
    with disk_errors(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = f"Another process is writing to {folder}. Wait for it, then repeat."
        raise TrialError(text) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise VerificationError(
            f"{path}: cannot be read: {error.strerror or type(error).__name__}."
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise VerificationError(f"{path}: larger than any statement, {MAX_FILE_BYTES:,} bytes.")
    return content
