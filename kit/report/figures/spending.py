"""Where the time of trials went on one workload."""

from __future__ import annotations

from dataclasses import astuple

from matplotlib.patches import Patch

from kit.report.facts import Facts
from kit.report.figures.picture import Picture, picture_name
from kit.report.figures.style import (
    HATCHES,
    LIGHT,
    Theme,
    legend_below,
    name_rows,
    new_figure,
    rows_height,
    settings,
    shown,
)
from kit.report.units import unit_for

PARTS = (  # in the order of the fields of `Spending`
    "setup",
    "compiling *",
    "waiting for data *",
    "handing over *",
    "training *",
    "evaluation",
    "logging",
)


def time_spent(facts: Facts, label: str, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw the mean seconds of a trial by what they went into, for each submission.

    Logs do not tell, so there is nothing to draw of them.
    """
    means = _means(facts, label)
    if not means:
        return None
    unit = unit_for([sum(parts) for parts in means.values()])
    with settings(theme):
        figure, (axes,) = new_figure(
            f"{label}: where the time went", height_inches=rows_height(len(means))
        )
        for row, parts in enumerate(means.values()):
            start = 0.0
            for number, seconds in enumerate(parts):
                axes.barh([row], [seconds / unit.seconds], left=start / unit.seconds, height=0.62,
                          facecolor=theme.series[number], hatch=HATCHES[number],
                          edgecolor=theme.paper, linewidth=0.4)  # fmt: skip
                start += seconds
        name_rows(axes, list(means))
        axes.set_xlabel(f"mean over trials ({unit.sign}); *: submission time")
        samples = [
            Patch(facecolor=theme.series[n], hatch=HATCHES[n], edgecolor=theme.paper)
            for n in range(len(PARTS))
        ]
        legend_below(figure, samples, PARTS)
    told = [f"{shown(name)}: {_told(parts)}" for name, parts in means.items()]
    summary = f"Mean time of a trial on {shown(label)}, by part. {'; '.join(told[:8])}."
    title = f"{label}: where the time went"
    name = picture_name("spent", label)
    return Picture(name, "spent", label, title, summary, figure, theme)


def _means(facts: Facts, label: str) -> dict[str, list[float]]:
    """Return the mean of each part by submission, in the order of the submissions."""
    found = {}
    for name in facts.submissions:
        spent = [
            astuple(trial.spending)
            for trial in facts.of_label(label)
            if trial.id.submission == name and trial.spending
        ]
        if spent:
            found[name] = [sum(column) / len(spent) for column in zip(*spent, strict=True)]
    return found


def _told(parts: list[float]) -> str:
    setup, *inside, evaluation, logging = parts
    total = setup + sum(inside) + evaluation + logging
    unit = unit_for([total])
    return (
        f"{unit.told(total)} in all, {unit.told(sum(inside))} of it submission time,"
        f" {unit.told(evaluation)} evaluation"
    )
