"""A reproduction for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kit.cli.reproduction import STOPPED, Reproduction
from kit.cli.tables import Table, plain, print_tables
from kit.cli.views import wording
from kit.cli.views.jsonl import finite
from kit.records.record import TrialState

if TYPE_CHECKING:
    from kit.records.curves import CurveComparison

FORMAT = "stopwatch/reproduction/1"
_CUT_OFF = {
    TrialState.STOPPED_EARLY: "was stopped early",
    TrialState.FAILED: "failed",
    TrialState.RULE_VIOLATION: "broke a rule",
    TrialState.INTERRUPTED: "was interrupted",
}


def print_page(found: Reproduction) -> None:
    """Print headline, differences of metrics and remarks to stdout."""
    colour = "green" if found.equal else "red"
    click.echo("\n" + click.style(plain(_headline(found)), fg=colour, bold=True) + "\n")
    if found.curves.differing:
        print_tables([_table(found)])
        click.echo()
    for line in _lines(found):
        click.echo(plain(line))


def as_dict(found: Reproduction) -> dict[str, Any]:
    """Return the reproduction as plain JSON; numbers that are not finite become text."""
    content: dict[str, Any] = finite(
        {
            "format": FORMAT,
            "record": str(found.report.path),
            "verdict_code": found.report.verdict_code,
            "equal": found.equal,
            "bitwise": found.curves.bitwise,
            "tolerance": found.tolerance,
            "tolerance_given": found.given,
            "bitwise_expected": not found.doubts,
            "doubts": list(found.doubts),
            "evaluations": found.curves.evaluations,
            "missing_steps": list(found.curves.missing_steps),
            "values": found.curves.values,
            "largest_difference": found.curves.largest,
            "first_step_with_other_weights": found.curves.first_other_weights,
            "differing": [asdict(difference) for difference in found.curves.differing],
            "time_ratio": found.time_ratio,
            "rerun": {
                "state": found.outcome.record.state.value,
                "reason": found.outcome.record.reason,
                "submission_seconds": found.outcome.record.submission_seconds,
                "folder": str(found.outcome.folder) if found.kept else None,
            },
            "environment_differences": [asdict(one) for one in found.differences],
        }
    )
    return content


def _headline(found: Reproduction) -> str:
    curves, rerun = found.curves, found.outcome.record
    if rerun.state is TrialState.INTERRUPTED:
        return f"The rerun was interrupted: {rerun.reason}"
    compared = curves.evaluations - len(curves.missing_steps)
    if curves.bitwise:
        return (
            f"Reproduced, bitwise equal: {wording.count(compared, 'evaluation')}, "
            f"{wording.count(curves.values, 'metric value')}, and the sha256 of all weights that "
            "were evaluated."
        )
    if rerun.state in STOPPED:
        return f"Not reproduced: the rerun ended as {rerun.state}: {rerun.reason}"
    largest = f"largest difference {curves.largest:.3g}, tolerance {found.tolerance:g}"
    if found.equal:
        return f"Reproduced within the tolerance: {compared} evaluations, {largest}."
    if curves.differing or curves.first_other_weights is not None:
        return f"Not reproduced: {largest}, first {_first(curves)}."
    return f"Not reproduced: the rerun has no evaluation at steps {_steps(curves)}."


def _first(curves: CurveComparison) -> str:
    """Return where two curves differ for the first time, in words."""
    steps = {difference.first_step for difference in curves.differing}
    if curves.first_other_weights is not None:
        steps.add(curves.first_other_weights)
    step = min(steps)
    names = [one.metric for one in curves.differing if one.first_step == step]
    what = ", ".join(names) if names else "the weights"
    return f"at step {step:,} ({what})"


def _steps(curves: CurveComparison) -> str:
    shown = [f"{step:,}" for step in curves.missing_steps[:3]]
    return ", ".join(shown) + (" …" if len(curves.missing_steps) > 3 else "")


def _table(found: Reproduction) -> Table:
    rows = [
        (
            one.metric,
            f"{one.first_step:,}",
            f"{one.largest:.3g}",
            f"{one.largest_step:,}",
            wording.metric(one.recorded),
            wording.metric(one.rerun),
        )
        for one in found.curves.differing
    ]
    columns = ("metric", "differs from step", "largest", "at step", "recorded", "rerun")
    return Table("Metrics that are not bitwise equal", columns, rows)


def _lines(found: Reproduction) -> Iterator[str]:
    record = found.record
    if record.state in _CUT_OFF:
        yield (
            f"The recorded trial {_CUT_OFF[record.state]}; that is not repeated: the rerun ends at "
            f"its last evaluation, step {found.report.evaluations[-1].step:,}. ({record.reason})"
        )
    if found.curves.missing_steps and not found.curves.bitwise:
        yield (
            f"No evaluation of the rerun at steps {_steps(found.curves)}: it ended as "
            f"{found.outcome.record.state}: {found.outcome.record.reason}"
        )
    if found.time_ratio is not None and math.isfinite(found.time_ratio):
        yield (
            f"Submission time of the rerun: {found.time_ratio:.2f} times the recorded one, up to "
            "the last common evaluation. It decides nothing: another machine is as fast as it is."
        )
    yield _about_bits(found)
    for difference in found.differences:
        yield f"Differs: {difference}."
    if found.report.signer is None or not found.report.signer.trusted:
        yield "The record is signed by a key that you do not know."
    if found.kept:
        yield f"The rerun's record: {found.outcome.folder}"


def _about_bits(found: Reproduction) -> str:
    chosen = "as given" if found.given else "by default"
    if not found.doubts:
        return (
            f"Tolerance {found.tolerance:g}, {chosen}: neither run has a GPU, and nothing differs "
            "that bears on the bits, so they can be expected to be equal."
        )
    return (
        f"Tolerance {found.tolerance:g}, {chosen}: bitwise equality cannot be expected, because "
        f"{'; '.join(found.doubts)}."
    )
