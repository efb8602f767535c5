"""What a submission's hyperparameters did to its time to target."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kit.report.facts import Facts
from kit.report.figures.picture import Picture, picture_name
from kit.report.figures.style import (
    BACKGROUND_LINES,
    FARTHEST,
    LIGHT,
    Theme,
    legend_below,
    new_figure,
    series_style,
    settings,
    shown,
)
from kit.report.trials import Trial

MAX_PANELS = 12
_MISSED_PERCENT = 112  # where a missed target is drawn
_MANY_POINTS = 200  # more become a grey bitmap: a bitmap cannot follow the theme of a page


def sensitivity(facts: Facts, submission: str, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw time to target, as a share of the budget, against each hyperparameter that varies."""
    trials = [t for t in facts.of_submission(submission) if t.seconds is not None and t.deciding]
    names = varied(trials)[:MAX_PANELS]
    if not names:
        return None
    labels = [label for label in facts.labels if any(t.id.label == label for t in trials)]
    rows = -(-len(names) // 2)
    with settings(theme):
        figure, axes = new_figure(
            f"{submission}: hyperparameters", height_inches=0.5 + 1.9 * rows,
            panels=(rows, min(len(names), 2)),
        )  # fmt: skip
        for number, one in enumerate(axes):
            if number >= len(names):
                one.set_visible(False)
                continue
            _draw_panel(one, names[number], trials, labels=labels, theme=theme)
            if number % 2 == 0:
                one.set_ylabel("time to target\n(% of budget)")
        styles = [series_style(number, theme) for number in range(len(labels))]
        samples = [Line2D([], [], linestyle="", marker=s.marker, color=s.color) for s in styles]
        missed = Line2D([], [], linestyle="", marker="x", color=theme.ink)
        legend_below(figure, [*samples, missed], [*labels, "target missed"])
    missing = sum(not math.isfinite(t.outcome.highest) for t in trials)
    summary = (
        f"Time to target of {len(trials)} trials of {shown(submission)} as a share of the budget,"
        f" against {', '.join(shown(name) for name in names)}. {missing} trials missed the target."
        f" {_told(trials, names)}"
    )
    title = f"{submission}: hyperparameter sensitivity"
    name = picture_name("sensitivity", submission)
    return Picture(name, "sensitivity", submission, title, summary, figure, theme)


def varied(trials: Sequence[Trial]) -> list[str]:
    """Return the hyperparameters that are numbers and not the same everywhere."""
    values: dict[str, set[float]] = {}
    for trial in trials:
        for name in trial.hyperparameters:
            if (number := _number(trial, name)) is not None:
                values.setdefault(name, set()).add(number)
    return sorted(name for name, found in values.items() if len(found) > 1)


def _draw_panel(
    axes: Axes, name: str, trials: Sequence[Trial], *, labels: Sequence[str], theme: Theme
) -> None:
    many = len(trials) > _MANY_POINTS
    numbers: list[float] = []
    for place, label in enumerate(labels):
        style = series_style(place, theme)
        own = [t for t in trials if t.id.label == label and _number(t, name) is not None]
        x = [_number(t, name) or 0.0 for t in own]
        y = [_percent(t) for t in own]
        for missed in (False, True):
            points = [(a, b) for a, b in zip(x, y, strict=True) if (b > 100) is missed]
            axes.plot(*(zip(*points, strict=True) if points else ([], [])),
                      "x" if missed else style.marker, markersize=4, alpha=0.8,
                      color=BACKGROUND_LINES if many else style.color, rasterized=many,
                      )  # fmt: skip
        numbers += x
    if min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
        axes.set_xscale("log")
        wide = max(numbers) >= 100 * min(numbers)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 3.0), numticks=4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.axhline(100, color=theme.ink, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(0, 120)
    axes.set_xlabel(f"{shown(name, 26)} (value)")


def _percent(trial: Trial) -> float:
    seconds, budget = trial.outcome.highest, trial.goal.budget_seconds
    return 100 * seconds / budget if math.isfinite(seconds) else _MISSED_PERCENT


def _number(trial: Trial, name: str) -> float | None:
    value = trial.hyperparameters.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= FARTHEST else None  # false of NaN


def _told(trials: Sequence[Trial], names: Sequence[str]) -> str:
    reached = [trial for trial in trials if math.isfinite(trial.outcome.highest)]
    if not reached:
        return ""
    best = min(reached, key=_percent)
    chosen = ", ".join(f"{shown(name)} {_number(best, name)}" for name in names)
    return (
        f"The smallest share, {_percent(best):.0f}%, was on {shown(best.id.label)} with {chosen}."
    )
