"""How the trials of a study run: the options that say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click


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


def settings_of(options: Mapping[str, Any]) -> list[str]:
    """Return them as options of `kit run`; the engine must be a definite one."""
    return [
        *("--engine", options["engine"], "--device", options["device"]),
        *("--isolation", options["isolation"]),
        *(["--build"] if options["build"] else []),
    ]


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
