"""`kit plan`: what a study will run, what it takes, and what is done of it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

from kit.cli.study_setup import asked_for, assignment_options, evidence_for
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.cli.views.plan_page import Planned
    from kit.study.evidence import Evidence


def _cost(ctx: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value >= 0):
        raise UsageError(f"--cost-per-hour takes a number, 0 or more. Received: {value}.")
    return value


@click.command(
    epilog="Example: kit plan --submission nadamw --ruleset mini --cost-per-hour 2.5",
    short_help="Show what a study will run, and what it takes.",
)
@assignment_options
@click.option(
    "--cost-per-hour", type=float, metavar="NUMBER", callback=_cost,
    help="What an hour of this machine costs, in any currency.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the plan as JSON to stdout.")
def plan(as_json: bool, cost_per_hour: float | None, **options: Any) -> None:
    """Show what `kit study` with the same options will run: nothing is started.

    Hyperparameters that are drawn derive from your key and the ledger, which are made where there
    is none. Hours are the budgets at most, and what earlier trials took on this machine.
    """
    from kit.cli.views.plan_page import as_dict, print_plan

    planned = _planned(evidence_for(asked_for(options)), cost_per_hour)
    if as_json:
        click.echo(json.dumps(as_dict(planned), indent=2, allow_nan=False))
    else:
        print_plan(planned)


def _planned(evidence: Evidence, cost_per_hour: float | None) -> Planned:
    from kit.cli.views.plan_page import Planned
    from kit.referee.environment import machine
    from kit.study.estimate import estimate
    from kit.study.measures import measures_of

    assignment = evidence.assignment
    board = evidence.board(while_running=True)
    measures = measures_of(evidence.results, assignment, machine())
    budgets = {part.label: part.rules.max_runtime_seconds for part in assignment.parts}
    return Planned(
        assignment,
        board,
        points=_points(evidence),
        whole=estimate((s.id.label for s in board.standings), budgets, measures),
        owed=estimate((s.id.label for s in board.owed), budgets, measures),
        cost_per_hour=cost_per_hour,
    )


def _points(evidence: Evidence) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the hyperparameters by study and trial; they are the same for all workloads."""
    from kit.planning.request import Execution
    from kit.study.scheduling import Run

    assignment, plan = evidence.assignment, evidence.planner(Execution())
    return {
        (trial.study, trial.trial): plan(Run(trial)).hyperparameters
        for trial in assignment.trials_of(assignment.parts[0])
    }
