"""The validation metric of every trial on a workload, against submission time or steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FixedLocator

from kit.contracts.target import Target
from kit.report.facts import Facts
from kit.report.figures.picture import Picture, picture_name
from kit.report.figures.style import (
    BACKGROUND_LINES,
    FARTHEST,
    FONT_POINTS,
    LIGHT,
    Theme,
    legend_below,
    new_figure,
    series_style,
    settings,
    shown,
    submission_handles,
)
from kit.report.trials import Trial
from kit.report.units import TimeUnit, metric_axis, unit_for

Against = Literal["time", "steps"]
FEW_TRIALS = 12  # of which nearly all values are shown
MAX_LINES = 120  # more thin lines than this become one bitmap: nobody can tell them apart


def curves(
    facts: Facts, label: str, *, against: Against = "time", legend: bool = True,
    theme: Theme = LIGHT,
) -> Picture | None:  # fmt: skip
    """Draw one line a trial, the best trial of each study bold, and the target.

    Args:
        facts: of the report.
        label: the workload or variant.
        against: submission time, or steps.
        legend: name the submissions below; a page with one legend for all goes without.
        theme: colours.
    """
    trials = [trial for trial in facts.of_label(label) if len(trial.curve.values)]
    if not trials:
        return None
    unit = unit_for(trial.submission_seconds for trial in trials)
    title = f"{label}: {metric_word(trials)} against {against}"
    heading = f"{label}: {trials[0].goal.target.metric.replace('_', ' ')}"
    with settings(theme):
        figure, (axes,) = new_figure(heading)
        _draw_lines(axes, facts, trials, unit=unit if against == "time" else None, theme=theme)
        _draw_target(axes, trials[0].goal.target, theme)
        if not any(math.isfinite(value) for trial in trials for value in trial.curve.values):
            axes.annotate("no validation value is a number", (0.5, 0.75), ha="center",
                          xycoords="axes fraction", color=theme.muted)  # fmt: skip
            axes.xaxis.set_major_locator(FixedLocator([0]))
        axes.set_ylim(*value_limits(trials))
        axes.set_xlim(left=0)
        if against == "steps":
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel(f"submission time ({unit.sign})" if against == "time" else "reported steps")
        axes.set_ylabel(metric_axis(trials[0].goal.target.metric))
        names = [n for n in facts.submissions if any(t.id.submission == n for t in trials)]
        if legend:
            numbers = [facts.submissions.index(name) for name in names]
            legend_below(figure, submission_handles(numbers, theme), names)
    name = picture_name("curves", against, label)
    return Picture(name, "curves", label, title, _summary(trials, names), figure, theme)


def _draw_lines(
    axes: Axes, facts: Facts, trials: Sequence[Trial], *, unit: TimeUnit | None, theme: Theme
) -> None:
    thin = [t for t in trials if (t.id, t.attempt) not in facts.best]
    many = len(thin) > MAX_LINES
    for trial in [*thin, *(t for t in trials if (t.id, t.attempt) in facts.best)]:
        style = series_style(facts.submissions.index(trial.id.submission), theme)
        best = (trial.id, trial.attempt) in facts.best
        bitmap = many and not best
        x = trial.curve.steps if unit is None else np.asarray(trial.curve.seconds) / unit.seconds
        y = np.clip(trial.curve.values, -FARTHEST, FARTHEST)
        (line,) = axes.plot(
            x, y, color=BACKGROUND_LINES if bitmap else style.color,
            linestyle=style.dashes, linewidth=1.9 if best else 0.8,
            alpha=0.3 if bitmap else 1.0 if best else 0.6, rasterized=bitmap,
            marker=style.marker if len(y) < 2 else None, markersize=4,
        )  # fmt: skip
        if not bitmap:
            line.set_gid(f"trial-{facts.numbers[trial.id, trial.attempt]}")
        if best:  # the end says who it is, where dashes alone are hard to tell
            axes.plot(x[-1:], y[-1:], style.marker, color=style.color, markersize=4.5)  # fmt: skip


def _draw_target(axes: Axes, target: Target, theme: Theme) -> None:
    axes.axhline(target.validation, color=theme.ink, linewidth=1.0, linestyle=(0, (4, 3)))
    # Above the frame: inside it hides where trials end, which is at the target.
    axes.annotate(f"dashed: target {target.sign} {target.validation:.5g}", (1, 1),
                  xycoords="axes fraction",
                  xytext=(0, 2), textcoords="offset points", ha="right", color=theme.muted,
                  fontsize=FONT_POINTS - 1)  # fmt: skip


def value_limits(trials: Sequence[Trial]) -> tuple[float, float]:
    """Return limits of the metric's axis: the target and most values, without far outliers."""
    target = trials[0].goal.target
    values = [v for t in trials for v in t.curve.values[1:] or t.curve.values if math.isfinite(v)]
    if not values:
        return (target.validation - 1, target.validation + 1)
    # The side where trials get better is shown whole; the other one ends where most are.
    cut = 0.03 if len(trials) <= FEW_TRIALS else 0.15
    worst = float(np.quantile(values, cut if target.higher_is_better else 1 - cut))
    best = target.best(values)
    worst, best = np.clip((worst, best), -FARTHEST, FARTHEST)
    low, high = min(worst, best, target.validation), max(worst, best, target.validation)
    margin = 0.06 * (high - low) or abs(high) * 0.05 or 1.0
    return (low - margin, high + margin)


def metric_word(trials: Sequence[Trial]) -> str:
    """Return the metric in words."""
    return f"validation {trials[0].goal.target.metric.replace('_', ' ')}"


def _summary(trials: Sequence[Trial], names: Sequence[str]) -> str:
    target = trials[0].goal.target
    reached = [t for t in trials if t.seconds is not None and math.isfinite(t.seconds)]
    words = (
        f"{len(trials)} trials of {len(names)} submissions; {len(reached)} reached the target"
        f" {target.sign} {target.validation:.5g}"
    )
    if not reached:
        return words + "."
    first = min(reached, key=lambda trial: trial.outcome.highest)
    seconds = first.outcome.highest
    return (
        f"{words}, the fastest, {shown(first.id.submission)} (study {first.id.study}, trial"
        f" {first.id.trial}), after {unit_for([seconds]).told(seconds)}."
    )
