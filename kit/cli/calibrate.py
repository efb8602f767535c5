"""`kit calibrate`: targets, budgets and eval periods by the published procedure."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths, registry
from kit.cli.study_trials import execution_of, trial_options
from kit.cli.trial import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.calibration.campaign import RunTrials
    from kit.calibration.procedure import Prepared
    from kit.referee.signals import Signals
    from kit.study.evidence import Evidence
    from kit.study.owed import Board

_BASELINES = "adamw,nadamw,nesterov,heavy_ball"


def _workload(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value:
        return value
    choices = ", ".join(registry.workload_names())
    raise UsageError(f"Say which workload: --workload NAME. Choose one of: {choices}.")


def _names(ctx: click.Context, parameter: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise UsageError(
            f"--submissions takes names or folders, separated by commas. Received: {value!r}."
        )
    return names


def _slack(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float:
    if value is None:
        from kit.calibration.targets import PUBLISHED_SLACK

        return PUBLISHED_SLACK
    if not (math.isfinite(value) and value >= 1):
        raise UsageError(f"--slack takes a factor, 1 or more. Received: {value}.")
    return value


@click.command(
    epilog="Example: kit calibrate --workload mnist --trials 5 --seeds 3",
    short_help="Set targets and budgets by the published procedure.",
)
@click.option(
    "--workload", metavar="NAME", callback=_workload,
    help="The workload whose targets are set; `kit list workloads` shows them. Required.",
)  # fmt: skip
@click.option("--variant", metavar="NAME", help="A variant of it instead of the workload itself.")
@click.option(
    "--ruleset", metavar="NAME|FILE", default="mini", show_default=True,
    help="Gives scale, metric, step hint and conditions; its target is not looked at.",
)  # fmt: skip
@click.option(
    "--submissions", metavar="LIST", default=_BASELINES, show_default=True, callback=_names,
    help="The baselines to tune: names or folders, separated by commas.",
)  # fmt: skip
@click.option(
    "--trials", type=click.IntRange(min=1), default=5, show_default=True,
    help="Points to try for each submission; the published number is 200.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True,
    help="Seeds to repeat the best setting with; the published number is 20.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="NUMBER",
    help="Steps of every run, and its step hint; without it, the step hint of the ruleset.",
)  # fmt: skip
@click.option(
    "--evaluations", type=click.IntRange(min=1), default=20, show_default=True,
    help="Evaluations at even distances in steps, after the one that follows step 1.",
)  # fmt: skip
@click.option(
    "--slack", type=float, metavar="FACTOR", callback=_slack, show_default="4/3, as published",
    help="Maximum runtime and step hint as a multiple of a run's submission time and steps.",
)  # fmt: skip
@click.option(
    "--spaces", type=click.Path(dir_okay=False, path_type=Path),
    default=paths.RULES / "calibration" / "spaces.yaml", metavar="FILE",
    show_default="rules/calibration/spaces.yaml",
    help="The search spaces, by scale and submission.",
)  # fmt: skip
@click.option(
    "--setting", type=click.Path(path_type=Path), metavar="FILE|FOLDER",
    help="Skip the tuning: take the setting of another calibration (its folder), or of a YAML file"
    " with submission and hyperparameters.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
    show_default="calibrations/RULESET/WORKLOAD of the project",
    help="The folder for everything: records, calibration.json, fragment.yaml.",
)  # fmt: skip
@trial_options
@click.option(
    "--json", "as_json", is_flag=True,
    help="Write calibration.json to stdout too, and events as JSON lines to stderr.",
)  # fmt: skip
def calibrate(as_json: bool, **options: Any) -> int:
    """Set a workload's targets, budget and eval period by the published procedure.

    Tunes the baselines over wide spaces, repeats the best setting with several seeds, and writes a
    piece of a ruleset with its provenance. Runs are ordinary trials that end after a number of
    steps: signed, and entered in a ledger below the output folder. Interrupt it at any moment: the
    same command goes on, and nothing finished is repeated. A run that fails or diverges is a worst
    result, not an error. Exits with 0 when the targets are set, 1 when they cannot be, 2 when the
    request is wrong, and 130 after Ctrl-C.
    """
    from kit.calibration.procedure import Asked, prepare
    from kit.referee.signals import Signals

    asked = Asked(**{name: options.pop(name) for name in Asked.__dataclass_fields__})
    prepared = prepare(asked)
    with Signals() as signals:
        answer = prepared.carry_out(_trials(prepared, options, signals, as_json=as_json))
    if answer is None:
        ended_by = signals.received()
        click.echo(
            f"Interrupted by {ended_by}: repeat the command to go on. What is finished lies in "
            f"{prepared.campaign.output}.",
            err=True,
        )
        return EXIT_INTERRUPTED if ended_by == "SIGINT" else EXIT_FAILED
    content = prepared.write(answer)
    if as_json:
        click.echo(json.dumps(content, allow_nan=False))
    else:
        from kit.cli.calibrate_page import print_calibration

        print_calibration(prepared.question, answer, prepared.campaign.output)
    return EXIT_OK


def _trials(
    prepared: Prepared, options: dict[str, Any], signals: Signals, *, as_json: bool
) -> RunTrials:
    """Return what runs the trials of a stage, as `kit study` does, with a view of its own each."""
    from kit.cli.views.calibration import choose_calibration_view
    from kit.cli.views.terminal import stream_for_view
    from kit.study.executor import LocalExecutor
    from kit.study.runner import Study, run_study
    from kit.study.scheduling import InOrder

    steps = prepared.campaign.steps

    def run(evidence: Evidence) -> Board:
        view = choose_calibration_view(stream_for_view(), steps=steps.total, as_json=as_json)
        execution = execution_of(options, evidence.assignment.ruleset, view.note)
        plan = evidence.planner(execution, evaluate_at_steps=steps.evaluate_at)
        try:
            with LocalExecutor() as executor:
                study = Study(evidence, plan, InOrder(), executor)
                return run_study(study, observer=view, signals=signals)
        finally:
            view.close()

    return run
