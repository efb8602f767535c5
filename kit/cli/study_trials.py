"""What starts the trials of a study: options, and the command of one trial."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kit.study.evidence import Evidence
    from kit.study.scheduling import Run

_RUN = "from kit.cli.main import main; main()"


def trial_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how trials run."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def definite_engine(engine: str, note: Callable[[str], None]) -> str:
    """Return one engine for all trials, so that they have the same conditions."""
    if engine != "auto":
        return engine
    from kit.engine import compose

    problem = compose.problem()
    if problem is None:
        return "docker"
    note(f"engine: local, because containers cannot be used: {problem}")
    return "local"


def trial_command(
    evidence: Evidence, options: dict[str, Any], more: Sequence[str] = ()
) -> Callable[[Run], list[str]]:
    """Return what starts a trial: this very program, so that a crash or a leak ends with it.

    Args:
        evidence: of the study.
        options: those of `trial_options`, the engine a definite one.
        more: further options of `kit run`, the same for each trial.
    """
    ruleset = evidence.assignment.ruleset
    shared = [
        *("--submission", str(evidence.assignment.submission.folder)),
        *("--ruleset", ruleset.name if ruleset.is_shipped else str(ruleset.path)),
        *("--results", str(evidence.results)),
        *("--engine", options["engine"], "--device", options["device"]),
        *("--isolation", options["isolation"]),
        *(["--build"] if options["build"] else []),
        *("--json", "--tied-to", str(os.getpid())),
        *more,
    ]

    def command(run: Run) -> list[str]:
        slot = run.slot
        words = [sys.executable, "-P", "-c", _RUN, "run", "--workload", slot.base, *shared]
        words += ["--variant", slot.variant] if slot.variant else []
        words += ["--study", str(slot.study), "--trial", str(slot.trial)]
        if run.stop_after_seconds is not None:
            words += ["--stop-after", repr(run.stop_after_seconds), "--stop-rule", run.rule]
            for digest in run.evidence:
                words += ["--stop-evidence", digest]
        return words

    return command


_OPTIONS = (
    click.option(
        "--engine", type=click.Choice(["local", "docker", "auto"]), default="local",
        show_default=True,
        help="Where trials run, as for `kit run`; auto is decided once, before the first trial.",
    ),
    click.option(
        "--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True,
        help="With containers: the image and profile; auto takes what the ruleset evaluates on.",
    ),
    click.option("--build", is_flag=True, help="With containers: build the image first."),
    click.option(
        "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
        show_default=True,
        help="How trainers are shut in; auto takes the strongest that works here.",
    ),
)  # fmt: skip
