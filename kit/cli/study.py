"""`kit study`: all trials that a ruleset owes for one submission, resumed wherever they stand."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.study_setup import asked_for, assignment_options, evidence_for
from kit.cli.study_trials import execution_of, trial_options
from kit.cli.trial import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from kit.cli.witness_beside import witness_option, witnessing

if TYPE_CHECKING:
    from kit.study.evidence import Evidence
    from kit.study.owed import Board


@click.command(
    epilog="Example: kit study --submission nadamw --ruleset mini",
    short_help="Run all trials that a ruleset owes for a submission.",
)
@assignment_options
@trial_options
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
@witness_option
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
    from kit.referee.environment import machine
    from kit.referee.signals import Signals
    from kit.study.exact import scheduler_of
    from kit.study.executor import LocalExecutor
    from kit.study.runner import Study, run_study

    asked = asked_for(options)
    evidence = evidence_for(asked, complete=complete)
    scheduler = scheduler_of(evidence, known=known, machine=machine())
    view = choose_study_view(stream_for_view(), as_json=as_json)
    execution = execution_of(options, evidence.assignment.ruleset, view.note)
    witness = witnessing(options.pop("witness"), evidence.results, as_json=as_json)
    with Signals() as signals, witness, LocalExecutor() as executor:
        try:
            board = run_study(
                Study(evidence, evidence.planner(execution), scheduler, executor),
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
