"""One trial on the terminal: its view while it runs, its explanation, its exit code."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths

if TYPE_CHECKING:
    from kit.cli.views.choice import View
    from kit.planning.request import TrialRequest
    from kit.referee.events import Outcome

EXIT_OK, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130
WIDEST_COLUMNS = 100


def ready(request: TrialRequest, view: View) -> Path | None:
    """Prepare data and extra packages of a trial while `view` shows it; return their folder."""
    from kit.cli.views.choice import data_progress
    from kit.cli.views.live import LiveView
    from kit.engine.execute import made_ready

    # The live view keeps notes until the trial starts; a download is not a silent wait.
    announce = partial(click.echo, err=True) if isinstance(view, LiveView) else view.note
    return made_ready(request, preparing=partial(data_progress, view=view), announce=announce)


def shown_trial(request: TrialRequest, view: View) -> Outcome:
    """Run a trial while `view` shows it, whatever its libraries write."""
    from kit.cli.views.terminal import libraries_silenced
    from kit.engine.execute import execute

    try:
        extras = ready(request, view)
        in_debugger = request.execution.isolation == "inline"
        with nullcontext() if in_debugger else libraries_silenced():
            return execute(request, config=paths.config_root(), observer=view, extras=extras)
    finally:
        view.close()


def exit_code(outcome: Outcome) -> int:
    """Return the exit code for an outcome."""
    from kit.records.record import TrialState

    state = outcome.record.state
    if state is TrialState.INTERRUPTED:
        return EXIT_INTERRUPTED if "SIGINT" in outcome.record.reason else EXIT_FAILED
    return EXIT_FAILED if state in (TrialState.FAILED, TrialState.RULE_VIOLATION) else EXIT_OK


def explain(outcome: Outcome, *, again: Sequence[str], as_json: bool, quick: bool = False) -> None:
    """Write what a trial came to, as JSON or for a reader.

    Args:
        outcome: of the trial.
        again: the options of `kit run` that describe the trial, to repeat it.
        as_json: for a program.
        quick: it was a `--quick` check.
    """
    from kit.cli.views.summary import as_json as content
    from kit.cli.views.summary import summarize

    if as_json:
        click.echo(json.dumps(content(outcome, quick=quick), allow_nan=False))
        return
    summary = summarize(outcome, request=again, directory=Path.cwd(), quick=quick)
    columns = 80
    if sys.stdout.isatty():
        columns = min(WIDEST_COLUMNS, shutil.get_terminal_size().columns)
    headline, _, rest = summary.text(columns).partition("\n\n")
    click.echo("\n" + click.style(headline, fg="green" if summary.good else "yellow", bold=True))
    click.echo("\n" + rest + "\n")
