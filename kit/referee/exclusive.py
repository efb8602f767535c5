"""Only one run of a trial at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kit.errors import TrialError
from kit.records.atomic import disk_errors
from kit.rules.plan import TrialPlan

LOCKS = ".locks"


@contextlib.contextmanager
def only_run_of(plan: TrialPlan, results: Path) -> Iterator[None]:
    """Hold the lock of a trial below `results`; the kernel drops it with the process.

    Raises:
        TrialError: another process is running the same trial.
    """
    name = "-".join(plan.folder(results).relative_to(results).parts)
    path = results / LOCKS / f"{name}.lock"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise TrialError(
            f"Trial {plan.trial} of study {plan.study}, {plan.submission.name} on "
            f"{plan.workload_label}, is already running below {results}. Wait for it, or choose "
            "another --trial or --results."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
