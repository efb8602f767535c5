"""`kit study`: all trials that a ruleset owes for one submission, resumed wherever they stand."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.study_setup import asked_for, assignment_options, evidence_for, this_machine
from kit.cli.trial import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.study.evidence import Evidence
    from kit.study.owed import Board
    from kit.study.scheduling import Run, Scheduler

_RUN = "from kit.cli.main import main; main()"


@click.command(
    epilog="Example: kit study --submission nadamw --ruleset mini",
    short_help="Run all trials that a ruleset owes for a submission.",
)
@assignment_options
@click.option(
    "--engine", type=click.Choice(["local", "docker", "auto"]), default="local", show_default=True,
    help="Where trials run, as for `kit run`; auto is decided once, before the first trial.",
)  # fmt: skip
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True,
    help="With containers: the image and profile; auto takes what the ruleset evaluates on.",
)  # fmt: skip
@click.option("--build", is_flag=True, help="With containers: build the image first.")
@click.option(
    "--isolation", type=click.Choice(["auto", "bubblewrap", "process"]), default="auto",
    show_default=True,
    help="How trainers are shut in; auto takes the strongest that works here.",
)  # fmt: skip
@click.option(
    "--known", multiple=True, metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Results of other submissions, made on this kind of machine: they set a cut-off, beyond"
    " which trials are stopped; may be repeated.",
)  # fmt: skip
@click.option(
    "--complete", is_flag=True,
    help="Run every trial in full, those too that were stopped early, or left out, because they"
    " could change no score.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="Write the result as one JSON object to stdout, and events as JSON lines to stderr.",
)  # fmt: skip
def study(as_json: bool, known: tuple[Path, ...], complete: bool, **options: Any) -> int:
    """Run every trial that a ruleset owes for a submission, one after another.

    A trial ends as soon as nothing it could still do changes any score; its record says why.
    Interrupt it at any moment: the same command goes on with what is still owed. Nothing finished
    is repeated; an interrupted attempt is, with its own hyperparameters and seed, as often as the
    ruleset allows. Exits with 0 when all trials ran to a legitimate end, 1 when one failed, broke a
    rule or was interrupted too often, 2 when the request is wrong, and 130 after Ctrl-C.
    """
    from kit.cli.views.study_choice import choose_study_view
    from kit.cli.views.terminal import stream_for_view
    from kit.referee.signals import Signals
    from kit.study.runner import Study, run_study

    asked = asked_for(options)
    evidence = evidence_for(asked, complete=complete)
    scheduler = _scheduler(evidence, known, complete=complete)
    view = choose_study_view(stream_for_view(), as_json=as_json)
    options["engine"] = _definite_engine(options["engine"], view.note)
    with Signals() as signals:
        try:
            board = run_study(
                Study(evidence, _command(evidence, options), scheduler),
                observer=view,
                signals=signals,
            )
        finally:
            view.close()
    again = [*asked.arguments(), *(["--complete"] if complete else [])]
    for folder in known:
        again += ["--known", str(folder)]
    _explain(evidence, board, again, signals.received(), as_json=as_json)
    return _exit_code(board, signals.received())


def _scheduler(evidence: Evidence, known: tuple[Path, ...], *, complete: bool) -> Scheduler:
    from kit.study.scheduling import InOrder

    if complete:
        if known:
            raise UsageError(
                "--known says what may be stopped, and --complete stops nothing. Leave one out."
            )
        return InOrder()
    from kit.study.exact import ScoreExact, assigned_rules
    from kit.study.rivals import NO_RIVALS, read_rivals

    rivals = NO_RIVALS
    if known:
        rivals = read_rivals(
            known,
            evidence.assignment,
            assigned_rules(evidence.assignment),
            trusted=[evidence.key.public],
            machine=this_machine(),
        )
    return ScoreExact(evidence.assignment, rivals)


def _definite_engine(engine: str, note: Callable[[str], None]) -> str:
    """Return one engine for all trials, so that they have the same conditions."""
    if engine != "auto":
        return engine
    from kit.engine import compose

    problem = compose.problem()
    if problem is None:
        return "docker"
    note(f"engine: local, because containers cannot be used: {problem}")
    return "local"


def _command(evidence: Evidence, options: dict[str, Any]) -> Callable[[Run], list[str]]:
    """Return what starts a trial: this very program, so that a crash or a leak ends with it."""
    ruleset = evidence.assignment.ruleset
    shared = [
        *("--submission", str(evidence.assignment.submission.folder)),
        *("--ruleset", ruleset.name if ruleset.is_shipped else str(ruleset.path)),
        *("--results", str(evidence.results)),
        *("--engine", options["engine"], "--device", options["device"]),
        *("--isolation", options["isolation"]),
        *(["--build"] if options["build"] else []),
        *("--json", "--tied-to", str(os.getpid())),
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


def _explain(
    evidence: Evidence, board: Board, again: list[str], ended_by: str | None, *, as_json: bool
) -> None:
    from kit.cli.views.layout import kit_command
    from kit.cli.views.study_summary import as_dict, print_summary

    if as_json:
        content = as_dict(evidence.assignment, board, interrupted_by=ended_by)
        click.echo(json.dumps(content, allow_nan=False))
        return
    command = f"{kit_command(Path.cwd())} study {shlex.join(again)}"
    print_summary(evidence, board, interrupted_by=ended_by, again=command)


def _exit_code(board: Board, ended_by: str | None) -> int:
    if ended_by:
        return EXIT_INTERRUPTED if ended_by == "SIGINT" else EXIT_FAILED
    return EXIT_FAILED if any(s.is_forfeited for s in board.standings) else EXIT_OK
