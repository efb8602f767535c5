"""How trials run: the options that say so, and the execution that they describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kit.planning.request import Execution
    from kit.rules.ruleset import Ruleset


def trial_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how trials run."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def execution_of(
    options: Mapping[str, Any], ruleset: Ruleset, note: Callable[[str], None]
) -> Execution:
    """Return one execution for all trials, so that they have the same conditions; build its image.

    Raises:
        UsageError: options exclude each other.
        KitError: the image cannot be built.
    """
    from kit.engine.execute import build_image, definite_engine
    from kit.engine.settings import device_of
    from kit.planning.request import Execution

    isolation: Any = "inline" if options.get("inline") else options["isolation"]
    engine = definite_engine(options["engine"], isolation, note)
    if engine == "docker" and options["build"]:
        build_image(device_of(options["device"], ruleset), note)
    return Execution(engine=engine, isolation=isolation, device=options["device"])


_OPTIONS = (
    click.option(
        "--engine", type=click.Choice(["local", "docker", "auto"]), default="local",
        show_default=True,
        help="Where trials run: local is processes of this machine; docker is containers, as"
        " docker-compose.yml describes them; auto is docker if an engine answers.",
    ),
    click.option(
        "--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True,
        help="With containers: the image and profile; auto takes what the ruleset evaluates on.",
    ),
    click.option(
        "--build", is_flag=True,
        help="With containers: build the image first; seconds when only code has changed.",
    ),
    click.option(
        "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
        show_default=True,
        help="How the trainer is isolated; auto takes the strongest that works here.",
    ),
)  # fmt: skip
