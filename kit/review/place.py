"""The folder that a review works in: its own, made by a review or empty."""

from __future__ import annotations

from pathlib import Path

from kit.errors import UsageError
from kit.records.atomic import disk_errors, write_atomic

_MARK = ".stopwatch-review"


def claim(folder: Path) -> Path:
    """Return `folder`, made where it was not, marked as a review's: parts of it are made anew.

    Raises:
        UsageError: somebody keeps other things there.
        TrialError: it cannot be written.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / _MARK).exists() and any(folder.iterdir()):
            raise UsageError(
                f"A review needs a folder of its own, because it replaces what is in it. Choose "
                f"one that is empty or not there. Received: --folder={folder}."
            )
        write_atomic(folder / _MARK, b"")
    return folder
