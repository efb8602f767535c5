"""One trial from what the user asked for to its explanation, wherever it runs."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths, registry
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.cli.views.choice import View
    from kit.referee.events import Outcome
    from kit.rules.plan import EarlyStop, TrialPlan

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
    engine: str = "local"
    device: str = "auto"
    build: bool = False
    memory_limit_bytes: int | None = None
    stop: EarlyStop | None = None
    comparison: str | None = None

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
        words += [] if self.engine == "local" else ["--engine", self.engine]
        if self.results.absolute() != paths.results_root():
            words += ["--results", str(self.results)]
        return words


def carry_out(request: Request) -> int:
    """Plan, run and explain the trial that was asked for; return the exit code."""
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import stream_for_view

    view = choose_view(stream_for_view(), as_json=request.json, debugger=request.inline)
    request = _with_engine(request, view)
    plan = _plan(request)
    prepare_data(plan, view)
    if request.quick:
        _note_review(plan, view)
    if plan.unofficial_reasons:
        view.note(f"not official: {'; '.join(plan.unofficial_reasons)}")
    try:
        outcome = _run_trial(plan, request, view)
    finally:
        view.close()
    _explain(outcome, request)
    return exit_code(outcome)


def _with_engine(request: Request, view: View) -> Request:
    """Return the request with a definite engine."""
    if request.engine == "local":
        return request
    if request.inline or request.isolation != "auto":
        option = "--inline" if request.inline else f"--isolation {request.isolation}"
        raise UsageError(
            f"{option} is about processes of this machine; containers have an isolation of their "
            f"own. Leave it out, or choose --engine local. Received: --engine={request.engine}."
        )
    if request.engine == "docker":
        return request
    from kit.engine import compose

    problem = compose.problem()
    if problem is None:
        return replace(request, engine="docker")
    view.note(f"engine: local, because containers cannot be used: {problem}")
    return replace(request, engine="local")


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
        comparison=request.comparison,
        results=request.results.absolute(),
        config=paths.config_root(),
    )
    if request.evaluate_at_steps:
        plan = plan.evaluated_at(request.evaluate_at_steps)
    plan = replace(plan, stop=request.stop)
    return plan.quick() if request.quick else plan


def prepare_data(plan: TrialPlan, view: View) -> None:
    """Prepare the data that a trial needs, where that was not done yet; the view shows it."""
    from kit.cli.views.choice import data_progress
    from kit.data import is_prepared, prepare

    scale = plan.ruleset.scale
    if is_prepared(plan.workload, scale):
        return
    with data_progress(plan.workload, view) as progress:
        prepare(plan.workload, scale, progress=progress)


def _note_review(plan: TrialPlan, view: View) -> None:
    from kit.rules.folder import compressed_bytes
    from kit.rules.review import review

    size = compressed_bytes(plan.submission.contents)
    limit = plan.ruleset.submission_limits.max_compressed_bytes
    view.note(f"the submission's text is {size:,} bytes when compressed, of {limit:,} allowed")
    for finding in review(plan.submission.contents, registry.workload_names()):
        view.note(f"a reviewer would look at {finding}")


def _run_trial(plan: TrialPlan, request: Request, view: View) -> Outcome:
    from kit.cli.extra_packages import extras_folder

    results, config = request.results.absolute(), paths.config_root()
    if request.engine == "docker":
        from kit.engine.settings import Settings
        from kit.engine.trial import run_in_containers

        settings = Settings(
            results=results,
            config=config,
            seed=request.seed,
            quick=request.quick,
            device=request.device,
            extras=extras_folder(plan.submission, view),
            build=request.build,
            memory_limit_bytes=request.memory_limit_bytes,
        )
        return run_in_containers(plan, settings, observer=view)
    from kit.cli.views.terminal import libraries_silenced
    from kit.referee.trial import run_trial

    in_container = request.isolation == "container"  # its image holds them
    extras = None if in_container else extras_folder(plan.submission, view)
    with nullcontext() if request.inline else libraries_silenced():
        return run_trial(
            plan,
            results=results,
            config=config,
            observer=view,
            isolation=request.isolation,
            inline=request.inline,
            memory_limit_bytes=request.memory_limit_bytes,
            extras=extras,
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
