"""A plan for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kit.cli.tables import Table, print_tables, seconds
from kit.cli.views import wording
from kit.study.owed import Phase

if TYPE_CHECKING:
    from kit.study.assignment import Assignment, Part
    from kit.study.estimate import Estimate
    from kit.study.owed import Board

FORMAT = "stopwatch/plan/1"
Points = Mapping[tuple[int, int], Mapping[str, Any]]


@dataclass(frozen=True)
class Planned:
    """What a study will run, and what that takes."""

    assignment: Assignment
    board: Board
    points: Points  # hyperparameters by study and trial
    whole: Estimate  # of all trials
    owed: Estimate  # of those that are still to be run
    cost_per_hour: float | None


def print_plan(planned: Planned) -> None:
    """Print the plan to stdout."""
    assignment = planned.assignment
    print_tables([_workloads(planned), _points(planned)])
    click.echo()
    for line in (*_totals(planned), *assignment.remarks):
        click.echo(line)


def as_dict(planned: Planned) -> dict[str, Any]:
    """Return the plan as plain JSON."""
    assignment = planned.assignment
    return {
        "format": FORMAT,
        "ruleset": {"name": assignment.ruleset.name, "sha256": assignment.ruleset.sha256},
        "submission": {"name": assignment.submission.name, "sha256": assignment.submission.sha256},
        "tuning": assignment.mode,
        "studies": list(assignment.studies),
        "trials": assignment.trials,
        "workloads": [
            {
                "workload": part.base,
                "variant": part.variant,
                "target": part.rules.target.model_dump(),
                "max_runtime_seconds": part.rules.max_runtime_seconds,
                "eval_period_seconds": part.rules.eval_period_seconds,
                **_counts(planned, part),
            }
            for part in assignment.parts
        ],
        "points": [
            {"study": study, "trial": trial, "hyperparameters": dict(point)}
            for (study, trial), point in planned.points.items()
        ],
        "all": _estimate(planned.whole, planned.cost_per_hour),
        "owed": _estimate(planned.owed, planned.cost_per_hour),
        "remarks": list(assignment.remarks),
    }


def _estimate(estimate: Estimate, per_hour: float | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "trials": estimate.trials,
        "at_most_submission_hours": estimate.at_most_hours,
        "expected_hours": estimate.expected_hours,
        "trials_without_a_measure": estimate.unmeasured_trials,
    }
    if per_hour is not None:
        at_most, expected = estimate.cost(per_hour)
        content |= {"at_most_cost": at_most, "expected_cost": expected}
    return content


def _counts(planned: Planned, part: Part) -> dict[str, int]:
    phases = [planned.board[trial_id].phase for trial_id in planned.assignment.trials_of(part)]
    return {phase.value: phases.count(phase) for phase in Phase}


def _workloads(planned: Planned) -> Table:
    assignment = planned.assignment
    rows = []
    for part in assignment.parts:
        target = part.rules.target
        counts = _counts(planned, part)
        sign = "≥" if target.higher_is_better else "≤"
        given_up = counts[Phase.GIVEN_UP]
        rows.append(
            (
                part.label,
                f"{target.metric} {sign} {wording.metric(target.validation)}",
                seconds(part.rules.max_runtime_seconds),
                seconds(part.rules.eval_period_seconds),
                f"{len(assignment.studies)} × {assignment.trials}",
                str(counts[Phase.DONE]) + (f" + {given_up} given up" if given_up else ""),
                str(counts[Phase.OWED]),
            )
        )
    columns = ("workload", "target", "budget", "eval period", "studies × trials", "done", "owed")
    title = (
        f"{assignment.submission.name} under ruleset {assignment.ruleset.name}, {assignment.mode}"
    )
    return Table(f"{title}{'' if assignment.mode == 'self-tuning' else ' tuning'}", columns, rows)


def _points(planned: Planned) -> Table:
    """Return a row per point; a declared list is the same in every study."""
    points = planned.points
    by_trial = {trial: point for (_, trial), point in points.items()}
    same = all(by_trial[trial] == point for (_, trial), point in points.items())
    keyed = (
        [("every", str(trial), point) for trial, point in by_trial.items()]
        if same
        else [(str(study), str(trial), point) for (study, trial), point in points.items()]
    )
    rows = [
        (study, trial, ", ".join(f"{name}={_short(v)}" for name, v in point.items()) or "(none)")
        for study, trial, point in keyed
    ]
    return Table("Hyperparameters", ("study", "trial", "values"), rows)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _totals(planned: Planned) -> list[str]:
    whole, owed = planned.whole, planned.owed
    lines = [_total("All", whole, planned.cost_per_hour)]
    if owed.trials != whole.trials:
        lines.append(_total("Still owed", owed, planned.cost_per_hour))
    return lines


def _total(what: str, estimate: Estimate, per_hour: float | None) -> str:
    text = (
        f"{what}: {wording.count(estimate.trials, 'trial')}, at most {estimate.at_most_hours:.4g} "
        "hours of submission time (evaluations and set-up come on top)"
    )
    expected = estimate.expected_hours
    if expected is not None:
        measured = estimate.trials - estimate.unmeasured_trials
        text += (
            f"; expected {expected:.3g} hours in all for the {measured} whose workload was "
            "measured on this machine"
        )
    elif estimate.trials:
        text += "; nothing like it was measured on this machine yet"
    if per_hour is not None:
        at_most, expected_cost = estimate.cost(per_hour)
        text += f"; cost {at_most:.2f} at most"
        text += f", {expected_cost:.2f} expected" if expected_cost is not None else ""
    return f"{text}."
