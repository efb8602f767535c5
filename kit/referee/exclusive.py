"""Only one run of a trial at a time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from kit.records.folders import only_run_at
from kit.rules.plan import TrialPlan


def only_run_of(plan: TrialPlan, results: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a trial below `results`; the kernel drops it with the process.

    Raises:
        TrialError: another process is running the same trial.
    """
    return only_run_at(results, plan.place)
