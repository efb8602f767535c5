"""The end of a calibration in words: what was tried, what follows, and where it lies."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import click

from kit.calibration.document import Answer, Question
from kit.calibration.runs import CalibrationRun
from kit.cli.tables import Table, print_tables
from kit.cli.views import wording
from kit.cli.views.layout import kit_command, shown_path


def print_calibration(question: Question, answer: Answer, output: Path) -> None:
    """Print the tables and what to do next to stdout."""
    headline = f"Targets of {question.label} are set."
    click.echo("\n" + click.style(headline, fg="green", bold=True) + "\n")
    tables = [_repetitions(question, answer), _numbers(question, answer)]
    print_tables([*([_tuning(question, answer)] if answer.tuning else []), *tables])
    here = Path.cwd()
    folder = shown_path(output, here)
    click.echo(f"\nTo paste into a ruleset: {folder}/fragment.yaml")
    click.echo(f"Everything in numbers:   {folder}/calibration.json")
    click.echo(f"Verify the evidence:     {kit_command(here)} verify {folder}/results\n")


def _tuning(question: Question, answer: Answer) -> Table:
    """Return a row per submission: how many of its trials ended well, and the best."""
    rows = []
    for name in question.submissions:
        runs = [run for run in answer.tuning if run.submission == name]
        values = _sorted(runs, question)
        best = answer.setting
        mark = f"best setting, trial {best.number}" if best.submission == name else ""
        rows.append(
            (
                name,
                f"{_ended(runs)} of {len(runs)}",
                _number(values[0]),
                _number(statistics.median(values)),
                mark,
            )
        )
    title = f"Tuning: best validation {question.metric} of each trial"
    return Table(title, ("submission", "ended well", "best", "median", ""), rows)


def _repetitions(question: Question, answer: Answer) -> Table:
    rows = []
    for run, point in zip(answer.repetitions, answer.targets.reached, strict=True):
        reached = ("missed", "") if point is None else (f"{point.step:,}", _number(point.test))
        best = run.best(higher_is_better=question.higher_is_better)
        state = "" if run.trained_to_the_end else str(run.state or "interrupted")
        time = wording.seconds(run.submission_seconds)
        rows.append((str(run.number), _number(best), *reached, time, state))
    title = f"{answer.setting.submission}, repeated: validation and test {question.metric}"
    columns = ("seed", "best", "target at step", "test there", "submission time", "")
    return Table(title, columns, rows)


def _numbers(question: Question, answer: Answer) -> Table:
    found, spent = answer.targets, answer.budget
    sign = "≥" if question.higher_is_better else "≤"
    reaching = f"{found.reaching} of {len(found.best)} seeds reach it"
    worst = "none finite" if found.test is None else f"{sign} {found.test!r}"
    share = f"{spent.evaluation_share:.0%} of a run of {wording.seconds(spent.run_seconds)}"
    slack = f"{question.slack:.4g} × "
    rows = [
        ("validation target", f"{sign} {found.validation!r}", f"median of best; {reaching}"),
        ("test target", worst, "the worst of these where they reach it"),
        (
            "maximum runtime",
            wording.seconds(spent.max_runtime_seconds),
            f"{slack}median submission time",
        ),
        ("step hint", f"{spent.step_hint:,}", f"{slack}{question.steps.total:,} steps"),
        (
            "eval period",
            wording.seconds(spent.eval_period_seconds),
            f"an evaluation takes {wording.seconds(spent.evaluation_seconds)}: {share}",
        ),
    ]
    return Table("Follows", ("number", "value", "from"), rows)


def _ended(runs: Sequence[CalibrationRun]) -> int:
    return sum(run.trained_to_the_end for run in runs)


def _sorted(runs: Sequence[CalibrationRun], question: Question) -> list[float]:
    """Return the best values of runs, the best one first."""
    higher = question.higher_is_better
    return sorted((run.best(higher_is_better=higher) for run in runs), reverse=higher)


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return wording.metric(value) if math.isfinite(value) else "failed"
