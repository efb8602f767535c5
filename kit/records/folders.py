"""Where records lie below a results folder, and the lock that keeps two runs of a trial apart."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

from kit.errors import TrialError
from kit.records.atomic import disk_errors

LOCKS = ".locks"
_STUDY = re.compile(r"study_[1-9][0-9]*")
_TRIAL = re.compile(r"trial_[1-9][0-9]*(_attempt_[1-9][0-9]*)?")


def is_in_results(folder: Path) -> bool:
    """Tell whether a record's folder is named as those in a results folder are."""
    path = folder.resolve()
    return bool(_TRIAL.fullmatch(path.name) and _STUDY.fullmatch(path.parent.name))


def attempt_folder(first: Path, attempt: int) -> Path:
    """Return the folder of an attempt; evidence is never overwritten: later ones get their own."""
    return first if attempt == 1 else first.with_name(f"{first.name}_attempt_{attempt}")


def attempt_folders(first: Path) -> list[Path]:
    """Return the folders of all attempts that may be on the disk, the first in any case."""
    return [first, *sorted(first.parent.glob(f"{first.name}_attempt_*"))]


@contextlib.contextmanager
def locked(results: Path, name: str, *, refusal: str) -> Iterator[None]:
    """Hold a lock below `results`; the kernel drops it with the process.

    Raises:
        TrialError: another process holds it; the message is `refusal`.
    """
    path = results / LOCKS / f"{name}.lock"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise TrialError(refusal) from None
    try:
        yield
    finally:
        os.close(descriptor)


def only_run_at(results: Path, folder: str, words: str) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of the trial that is recorded in `folder`; `words` name it.

    Raises:
        TrialError: another process is running the same trial.
    """
    refusal = (
        f"{words} is already running below {results}. Wait for it, or choose another --trial or "
        "--results."
    )
    return locked(results, folder.replace("/", "-"), refusal=refusal)
