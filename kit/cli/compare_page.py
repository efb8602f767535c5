"""A comparison of two submissions for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from kit.cli.tables import Table, print_tables
from kit.cli.views import wording
from kit.scoring.median_speedup import MedianSpeedup, median_speedup
from kit.scoring.verdict import enough_pairs

if TYPE_CHECKING:
    from kit.scoring.bootstrap import Bounds
    from kit.scoring.comparison import Comparison
    from kit.scoring.verdict import Verdict
    from kit.study.estimate import Estimate
    from kit.study.pairs import Duel

FORMAT = "stopwatch/comparison/1"
NONE = "–"
_TOO_FEW = "too few pairs"
Times = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Compared:
    """What the pairs that are complete say."""

    names: tuple[str, str]  # told apart where both submissions have the same
    duel: Duel
    times: Times  # by workload: seconds of first and second, infinity for a miss
    owed: int  # trials
    whole: Comparison | None  # None: no pair is complete
    verdict: Verdict
    remarks: tuple[str, ...]


def shown_names(duel: Duel) -> tuple[str, str]:
    """Return how the two sides are called: their names, with the digest where these are equal."""
    first, second = (side.assignment.submission for side in duel.sides)
    if first.name != second.name:
        return first.name, second.name
    if first.sha256 != second.sha256:
        return f"{first.name} ({first.sha256[:8]})", f"{second.name} ({second.sha256[:8]})"
    return f"{first.name} (first)", f"{second.name} (second)"


def announcement(duel: Duel, names: tuple[str, str], whole: Estimate, owed: Estimate) -> str:
    """Return one line: what will run, and how long that takes."""
    assignment = duel.sides[0].assignment
    labels = ", ".join(part.label for part in assignment.parts)
    text = (
        f"{names[0]} against {names[1]} under ruleset {assignment.ruleset.name} on {labels}: "
        f"{wording.count(len(assignment.studies), 'pair')} each, {whole.trials} trials, "
        f"{owed.trials} still to run, at most {wording.seconds(owed.at_most_seconds)} of "
        "submission time (evaluations and set-up come on top)"
    )
    if owed.expected_seconds is not None:
        measured = owed.trials - owed.unmeasured_trials
        text += (
            f"; expected {wording.seconds(owed.expected_seconds)} in all for the {measured} whose "
            "workload was measured on this machine"
        )
    return f"{text}. These are development runs: never official."


def print_page(compared: Compared, *, again: str) -> None:
    """Print headline, table and remarks to stdout."""
    good = compared.verdict.faster is not None
    click.echo(
        "\n"
        + click.style(compared.verdict.sentence, fg="green" if good else "yellow", bold=True)
        + "\n"
    )
    print_tables([_table(compared)])
    for remark in compared.remarks:
        click.echo(f"\n{remark}")
    click.echo(f"\nRecords: {compared.duel.sides[0].results.parent}")
    if compared.owed:
        click.echo(f"{wording.count(compared.owed, 'trial')} still to run. Go on:\n    {again}")


def as_dict(
    compared: Compared, *, interrupted_by: str | None, estimate: Estimate
) -> dict[str, Any]:
    """Return the comparison as plain JSON; an infinite time is null.

    Args:
        compared: what there is.
        interrupted_by: the signal that ended it, None where it came to its end.
        estimate: of what was still to be run at the start.
    """
    assignment = compared.duel.sides[0].assignment
    return {
        "format": FORMAT,
        "ruleset": {"name": assignment.ruleset.name, "sha256": assignment.ruleset.sha256},
        "submissions": [
            {
                "name": side.assignment.submission.name,
                "sha256": side.assignment.submission.sha256,
                "tuning": side.assignment.mode,
                "results": str(side.results),
            }
            for side in compared.duel.sides
        ],
        "complete": not compared.owed,
        "owed": compared.owed,
        "interrupted_by": interrupted_by,
        "estimate_at_start": asdict(estimate),
        "workloads": {
            label: asdict(median_speedup(pairs))
            | {"times": [[_finite(time) for time in pair] for pair in pairs]}
            for label, pairs in compared.times.items()
        },
        "overall": asdict(compared.whole) if compared.whole else None,
        "verdict": asdict(compared.verdict),
        "remarks": list(compared.remarks),
    }


def _table(compared: Compared) -> Table:
    first, second = compared.names
    columns = (
        "workload",
        "pairs",
        "both reached",
        f"only {first}",
        f"only {second}",
        f"speedup of {first}",
        "95% interval",
    )
    rows = [
        _row(label, median_speedup(compared.times.get(label, ())))
        for label in (part.label for part in compared.duel.sides[0].assignment.parts)
    ]
    whole = compared.whole
    if whole is not None:
        rows.append(
            (
                "all (geometric mean)",
                str(whole.pairs),
                str(whole.both_reached),
                str(whole.only_first_reached),
                str(whole.only_second_reached),
                _factor(whole.speedup),
                _interval(whole.interval) if enough_pairs(whole) else _TOO_FEW,
            )
        )
    return Table(f"Time of {second} over time of {first}, median over pairs", columns, rows)


def _row(label: str, median: MedianSpeedup) -> tuple[str, ...]:
    return (
        label,
        str(median.pairs),
        str(median.both_reached),
        str(median.only_first_reached),
        str(median.only_second_reached),
        _factor(median.median),
        _interval(median.interval) if median.interval or not median.pairs else _TOO_FEW,
    )


def _factor(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _interval(bounds: Bounds | None) -> str:
    return NONE if bounds is None else f"{bounds.low:.3f} to {bounds.high:.3f}"


def _finite(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) else None
