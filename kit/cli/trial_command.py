"""The command that starts one trial of many: this very program, in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kit.study.evidence import Evidence
    from kit.study.scheduling import Run

_RUN = "from kit.cli.main import main; main()"


def trial_command(evidence: Evidence, settings: Sequence[str]) -> Callable[[Run], list[str]]:
    """Return what starts a trial, so that a crash or a leak ends with it.

    Args:
        evidence: names submission, ruleset and results.
        settings: options of `kit run` that are the same for all trials.
    """
    ruleset = evidence.assignment.ruleset
    shared = [
        *("--submission", str(evidence.assignment.submission.folder)),
        *("--ruleset", ruleset.name if ruleset.is_shipped else str(ruleset.path)),
        *("--results", str(evidence.results), *settings),
        *("--json", "--tied-to", str(os.getpid())),
    ]

    def command(run: Run) -> list[str]:
        trial_id = run.id
        words = [sys.executable, "-P", "-c", _RUN, "run", "--workload", trial_id.workload, *shared]
        words += ["--variant", trial_id.variant] if trial_id.variant else []
        words += ["--study", str(trial_id.study), "--trial", str(trial_id.trial)]
        if run.stop_after_seconds is not None:
            words += ["--stop-after", repr(run.stop_after_seconds), "--stop-rule", run.rule]
            for digest in run.evidence:
                words += ["--stop-evidence", digest]
        return words

    return command
