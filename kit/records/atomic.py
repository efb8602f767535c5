"""Durable writes: after a crash or a power cut a file is there in full, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from kit.errors import TrialError

# EFBIG is what a limit on file size gives, EDQUOT a user's quota: to the user all three are one.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write `path` into one line for the user.

    Raises:
        TrialError: the disk is full, or `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise TrialError(
                f"Cannot write {path}: the disk is full ({reason}). Nothing half-written was left "
                "there. Free space on that disk, then repeat."
            ) from error
        raise TrialError(
            f"Cannot write {path}: {reason}. Check that its folder exists and that you may "
            "write there."
        ) from error


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replace `path` by a file with the content `data`.

    Raises:
        TrialError: the disk is full, or `path` cannot be written; `path` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    with disk_errors(path):
        try:
            write_new(temporary, data, mode=mode)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def create_atomic(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Create `path` with the content `data`, never over an existing file.

    Raises:
        FileExistsError: there is a file, as it was before.
        TrialError: the disk is full, or `path` cannot be written; it is not there in part.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    is_new = True
    with disk_errors(path):
        try:
            write_new(temporary, data, mode=mode)
            try:
                os.link(temporary, path)  # unlike a rename, a link never replaces a file
            except FileExistsError:
                is_new = False
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    if not is_new:
        raise FileExistsError(path)


def write_new(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Create `path` with the content `data` and wait until the disk holds it.

    Raises:
        OSError: `path` exists already, or cannot be written; then nothing new is left behind.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`; one system call may take only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Wait until the disk holds the names in `folder`: a rename is durable only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
