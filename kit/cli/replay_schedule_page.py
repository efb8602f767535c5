"""What a replay of the schedule saved: for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import numpy as np

from kit.cli.tables import Table, print_tables
from kit.scoring.results import Floats
from kit.scoring.scheduling.savings import Savings, Step

FORMAT = "stopwatch/schedule-replay/1"
ALL = "every trial to its target or its end"
ORACLE = 'oracle that knows every outcome (without the rule "gate decided")'
_HOUR = 3600.0


def print_page(savings: Savings) -> None:
    """Print hours by strategy, workload and submission, then both scores."""
    last = savings.steps[-1]
    click.echo(_situation(savings))
    print_tables(
        [_strategies(savings), _workloads(savings), _submissions(savings), _stops(savings)]
    )
    click.echo()
    same = "identical" if savings.identical else "NOT IDENTICAL"
    click.echo(
        f"Scores with and without stopping are {same}, in all {len(savings.steps)} replays of "
        f"{len(last.scores)} submissions."
    )


def as_dict(savings: Savings) -> dict[str, Any]:
    """Return everything as plain JSON; hours are of submission time."""
    field, rules = savings.field, savings.field.complete.rules
    names = sorted(field.scheduled)
    last = savings.steps[-1]
    return {
        "format": FORMAT,
        "ruleset": rules.ruleset,
        "held_out": dict(rules.held_out),
        "scheduled": names,
        "alone": field.alone,
        "rivals_known": field.rivals_known,
        "identical": savings.identical,
        "hours": {"all": _hours(savings.full), "oracle": _hours(savings.oracle)},
        "steps": [_step(step, savings.full) for step in savings.steps],
        "workloads": {
            base: {
                "hours_all": _hours(savings.full[:, column, side]),
                "hours": _hours(last.seconds[:, column, side]),
            }
            for column, side, base in _labels(savings)
        },
        "submissions": {
            name: {
                "hours_all": _hours(savings.full[row]),
                "hours": _hours(last.seconds[row]),
                "hours_oracle": _hours(savings.oracle[row]),
                "score": savings.scores[name],
                "score_with_stopping": last.scores[name],
            }
            for row, name in enumerate(names)
        },
    }


def _step(step: Step, full: Floats) -> dict[str, Any]:
    return {
        "name": step.strategy.name,
        "order": step.strategy.order,
        "rules": sorted(rule.name.lower() for rule in step.strategy.rules),
        "hours": _hours(step.seconds),
        "share": _share(step.seconds, full),
        "identical": step.identical,
        "stops": {rule.name.lower(): count for rule, count in step.stops.items()},
    }


def _situation(savings: Savings) -> str:
    field = savings.field
    count = len(field.scheduled)
    how = "each by itself" if field.alone else "together"
    if field.rivals_known:
        others = "with the results of all rivals known"
    elif field.alone or count < len(field.complete.submissions):
        others = "with nothing known of rivals"
    else:
        others = "the whole field"
    return f"{count} submissions scheduled {how}, {others}.\n"


def _strategies(savings: Savings) -> Table:
    rows = [(ALL, savings.full), *((s.strategy.name, s.seconds) for s in savings.steps)]
    rows.append((ORACLE, savings.oracle))
    return Table(
        "Submission time needed",
        ("rules", "hours", "share"),
        [(name, *_amount(seconds, savings.full)) for name, seconds in rows],
    )


def _workloads(savings: Savings) -> Table:
    last = savings.steps[-1].seconds
    return Table(
        "By workload, with all rules",
        ("workload", "hours of all", "hours", "share"),
        [
            (
                label,
                f"{_hours(savings.full[:, column, side]):,.1f}",
                *_amount(last[:, column, side], savings.full[:, column, side]),
            )
            for column, side, label in _labels(savings)
        ],
    )


def _submissions(savings: Savings) -> Table:
    last = savings.steps[-1]
    return Table(
        "By submission, with all rules",
        ("submission", "hours of all", "hours", "share", "score", "with stopping"),
        [
            (
                name,
                f"{_hours(savings.full[row]):,.1f}",
                *_amount(last.seconds[row], savings.full[row]),
                repr(savings.scores[name]),
                repr(last.scores[name]),
            )
            for row, name in enumerate(sorted(savings.field.scheduled))
        ],
    )


def _stops(savings: Savings) -> Table:
    stops = savings.steps[-1].stops
    return Table(
        "Trials stopped, or not started",
        ("reason", "trials"),
        [(rule.value, str(stops[rule])) for rule in sorted(stops, key=lambda rule: -stops[rule])],
    )


def _labels(savings: Savings) -> Sequence[tuple[int, int, str]]:
    rules = savings.field.complete.rules
    found = []
    for column, base in enumerate(rules.bases):
        found.append((column, 0, base))
        if base in rules.held_out:
            found.append((column, 1, f"{base}_{rules.held_out[base]}"))
    return found


def _hours(seconds: Floats) -> float:
    return float(np.sum(seconds)) / _HOUR


def _share(seconds: Floats, full: Floats) -> float | None:
    return _hours(seconds) / _hours(full) if _hours(full) else None


def _amount(seconds: Floats, full: Floats) -> tuple[str, str]:
    share = _share(seconds, full)
    return f"{_hours(seconds):,.1f}", "–" if share is None else f"{share:.1%}"
