"""`kit run`: one trial from the command line to its explanation."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths, registry
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.cli.views.choice import View
    from kit.referee.events import Outcome
    from kit.rules.plan import TrialPlan

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
WIDEST_COLUMNS = 100


@dataclass(frozen=True)
class Request:
    """What the user asked for, in the words of the options."""

    workload: str
    variant: str | None
    submission: str
    ruleset: str
    study: int
    trial: int
    seed: int | None
    isolation: str
    inline: bool
    quick: bool
    evaluate_at_steps: tuple[int, ...]
    json: bool
    results: Path

    def arguments(self) -> list[str]:
        """Return the options that describe the trial, to run it again."""
        words = ["--workload", self.workload]
        if self.variant:
            words += ["--variant", self.variant]
        words += ["--submission", self.submission]
        for name, value, default in (
            ("--ruleset", self.ruleset, "mini"),
            ("--study", self.study, 1),
            ("--trial", self.trial, 1),
            ("--seed", self.seed, None),
        ):
            words += [] if value == default else [name, str(value)]
        if self.results.absolute() != paths.results_root():
            words += ["--results", str(self.results)]
        return words


def _steps(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    if value is None:
        return ()
    try:
        steps = tuple(int(part) for part in value.split(","))
    except ValueError:
        steps = ()
    if not steps or list(steps) != sorted(set(steps)) or steps[0] < 1:
        raise UsageError(
            "--evaluate-at-steps takes rising whole numbers from 1, separated by commas: "
            f"1,100,200. Received: {value!r}."
        )
    return steps


def _workload(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    if value:
        return value
    choices = ", ".join(registry.workload_names())
    raise UsageError(f"Say which workload: --workload NAME. Choose one of: {choices}.")


@click.command(
    epilog="Example: kit run --workload mnist --submission nadamw",
    short_help="Run one trial under the rules, sign and explain the result.",
)
@click.option(
    "--workload", metavar="NAME", callback=_workload,
    help="The workload to train; `kit list workloads` shows them. Required.",
)  # fmt: skip
@click.option(
    "--variant", metavar="NAME",
    help="The variant of the workload; without it, the workload as it is.",
)  # fmt: skip
@click.option(
    "--submission", metavar="NAME|FOLDER", default="nadamw", show_default=True,
    help="The training algorithm: a name from `kit list submissions`, or a folder with"
    " submission.yaml and submission.py.",
)  # fmt: skip
@click.option(
    "--ruleset", metavar="NAME", default="mini", show_default=True,
    help="The rules: target, budget, eval period; `kit list rulesets` shows them.",
)  # fmt: skip
@click.option(
    "--study", type=click.IntRange(min=1), default=1, show_default=True,
    help="The study, counted from 1.",
)  # fmt: skip
@click.option(
    "--trial", type=click.IntRange(min=1), default=1, show_default=True,
    help="The trial within the study, counted from 1; it decides which hyperparameters are dealt.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), metavar="NUMBER",
    help="Take this seed instead of a secret one; the result is then not official.",
)  # fmt: skip
@click.option(
    "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
    show_default=True,
    help="How the trainer is shut in; auto takes the strongest that works here.",
)  # fmt: skip
@click.option(
    "--inline", is_flag=True,
    help="Run everything in one process, for a debugger; the result is never official.",
)  # fmt: skip
@click.option(
    "--quick", is_flag=True,
    help="Check a new submission in about ten seconds: few steps, few evaluations, and what a"
    " reviewer would look at; not official.",
)  # fmt: skip
@click.option(
    "--evaluate-at-steps", metavar="LIST", callback=_steps,
    help="Evaluate after these steps instead of by time, like 1,100,200; the result is then not"
    " official.",
)  # fmt: skip
@click.option(
    "--json", is_flag=True,
    help="Write the result as one JSON object to stdout, and progress as JSON lines to stderr.",
)  # fmt: skip
@click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), default=paths.results_root,
    show_default="results/ of the project, or STOPWATCH_RESULTS",
    help="The folder for records and the ledger.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["local"]), default="local", show_default=True,
    expose_value=False, help="Where the trial runs: local is this machine.",
)  # fmt: skip
def run(**options: Any) -> int:
    """Run one trial under the rules, sign the record and explain the result.

    Exits with 0 when the trial ran to a legitimate end (target reached or missed), 1 when it failed
    or broke a rule, 2 when the request is wrong, and 130 after Ctrl-C.
    """
    request = Request(**options)
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import libraries_silenced, stream_for_view

    view = choose_view(stream_for_view(), as_json=request.json, debugger=request.inline)
    plan = _plan(request)
    _prepare_data(plan, view)
    if request.quick:
        _note_review(plan, view)
    try:
        with nullcontext() if request.inline else libraries_silenced():
            outcome = _run_trial(plan, request, view)
    finally:
        view.close()
    _explain(outcome, request)
    return exit_code(outcome)


def exit_code(outcome: Outcome) -> int:
    """Return the exit code for an outcome."""
    from kit.records.record import TrialState

    state = outcome.record.state
    if state is TrialState.INTERRUPTED:
        return EXIT_INTERRUPTED if "SIGINT" in outcome.record.reason else EXIT_FAILED
    return EXIT_FAILED if state in (TrialState.FAILED, TrialState.RULE_VIOLATION) else EXIT_OK


def _plan(request: Request) -> TrialPlan:
    from kit.rules.planning import plan_trial

    plan = plan_trial(
        workload=request.workload,
        submission=request.submission,
        ruleset=request.ruleset,
        variant=request.variant,
        study=request.study,
        trial=request.trial,
        seed=request.seed,
        results=request.results.absolute(),
        config=paths.config_root(),
    )
    if request.evaluate_at_steps:
        plan = plan.evaluated_at(request.evaluate_at_steps)
    return plan.quick() if request.quick else plan


def _prepare_data(plan: TrialPlan, view: View) -> None:
    from kit.cli.views.choice import data_progress
    from kit.data import is_prepared, prepare

    scale = plan.ruleset.scale
    if is_prepared(plan.workload, scale):
        return
    with data_progress(plan.workload, view) as progress:
        prepare(plan.workload, scale, progress=progress)


def _note_review(plan: TrialPlan, view: View) -> None:
    from kit.rules.review import review

    for finding in review(plan.submission.contents, registry.workload_names()):
        view.note(f"a reviewer would look at {finding}")


def _run_trial(plan: TrialPlan, request: Request, view: View) -> Outcome:
    from kit.referee.trial import run_trial

    return run_trial(
        plan,
        results=request.results.absolute(),
        config=paths.config_root(),
        observer=view,
        isolation=request.isolation,
        inline=request.inline,
    )


def _explain(outcome: Outcome, request: Request) -> None:
    from kit.cli.views.summary import as_json, summarize

    if request.json:
        click.echo(json.dumps(as_json(outcome, quick=request.quick), allow_nan=False))
        return
    summary = summarize(
        outcome, request=request.arguments(), directory=Path.cwd(), quick=request.quick
    )
    columns = 80
    if sys.stdout.isatty():
        columns = min(WIDEST_COLUMNS, shutil.get_terminal_size().columns)
    headline, _, rest = summary.text(columns).partition("\n\n")
    click.echo("\n" + click.style(headline, fg="green" if summary.good else "yellow", bold=True))
    click.echo("\n" + rest + "\n")
