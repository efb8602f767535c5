"""Keeps uploads of one run by several processes of a user apart: each run is sent by one at a time.

W&B takes rows from whoever sends them. Two sessions that begin at the same moment both see a run
without rows, and both append theirs, so the run holds every row twice and cannot be mended.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(run_id: str) -> Iterator[None]:
    """Wait until no other process of this user sends the run, and keep others waiting meanwhile.

    The kernel lets go with the process, however that ends. Another machine is not kept out.
    """
    path = _folder() / run_id
    descriptor = _lock(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: who waits for it looks for a new one
        os.close(descriptor)


def _folder() -> Path:
    """Return this user's folder of locks, below where temporary files go."""
    folder = Path(tempfile.gettempdir()) / f"stopwatch-uploads-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)
