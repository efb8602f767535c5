"""Time to target on one workload: every study, the median, its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes

from kit.report.facts import Facts
from kit.report.figures.picture import Picture, picture_name
from kit.report.figures.style import (
    FONT_POINTS,
    LIGHT,
    SeriesStyle,
    Theme,
    name_rows,
    new_figure,
    rows_height,
    series_style,
    settings,
    shown,
)
from kit.report.units import TimeUnit, unit_for
from kit.scoring.bootstrap import Bounds
from kit.scoring.leaderboard import Leaderboard, Standing
from kit.scoring.times import study_time
from kit.scoring.trial import INFINITY, TrialResult

_MISSED_AT = 1.14  # where a missed target is drawn, as a share of the budget
_END = 1.28  # of the axis, likewise


@dataclass(frozen=True)
class _Panel:
    """Axes with a row for each submission; times beyond the budget are drawn at one place."""

    axes: Axes
    unit: TimeUnit
    budget_seconds: float
    theme: Theme

    def place(self, seconds: float) -> float:
        """Return where a time lies on the axis."""
        return min(seconds, _MISSED_AT * self.budget_seconds) / self.unit.seconds

    def style(self, row: int) -> SeriesStyle:
        """Return the style of the submission in a row."""
        return series_style(row, self.theme)


def times_to_target(facts: Facts, label: str, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw the median time of each submission with its interval, and the times of its studies."""
    board, key = facts.board, facts.loaded.results.rules.split(label)
    if board is None or key is None or not facts.loaded.results.rules.counts(*key):
        return None
    budget = facts.loaded.results.rules.goals[key].budget_seconds
    unit = unit_for([budget])
    title = f"{label}: time to target"
    told = []
    with settings(theme):
        figure, (axes,) = new_figure(title, height_inches=rows_height(len(board.standings)))
        panel = _Panel(axes, unit, budget, theme)
        _draw_budget(panel)
        for row, line in enumerate(board.standings):
            _draw_studies(panel, row, _studies(board, line.submission, key))
            _draw_interval(panel, row, facts.time_interval(line.submission, label))
            told.append(f"{shown(line.submission)} {_draw_median(panel, row, line, key)}")
        name_rows(axes, [line.submission for line in board.standings])
        axes.set_xlabel(f"submission time ({unit.sign})")
    drawn = board.intervals
    level = f", line: {drawn.level:.0%} interval" if drawn and drawn.scores else ""
    summary = (
        f"Median time to target on {shown(label)} (large mark{level}) and the time of each study"
        f" (small marks); the budget is {unit.told(budget)}. {'; '.join(told[:12])}."
    )
    return Picture(picture_name("times", label), "times", label, title, summary, figure, theme)


def _draw_budget(panel: _Panel) -> None:
    """Draw where the budget ends, and beyond it the place of what was missed."""
    axes, theme = panel.axes, panel.theme
    budget = panel.budget_seconds / panel.unit.seconds
    axes.set_xlim(0, _END * budget)
    axes.axvline(budget, color=theme.ink, linewidth=1, linestyle=(0, (4, 3)))
    axes.axvspan(budget, _END * budget, color=theme.grid, alpha=0.5, linewidth=0)
    beyond = panel.place(INFINITY)
    for text, x, side in (("budget ", budget, "right"), ("missed", beyond, "center")):
        axes.annotate(text, (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 2), ha=side,
                      textcoords="offset points", color=theme.muted, fontsize=FONT_POINTS - 1,
                      )  # fmt: skip


def _studies(board: Leaderboard, submission: str, key: tuple[str, str | None]) -> list[float]:
    """Return the times of all studies that have a trial."""
    studies: dict[int, list[TrialResult]] = {}
    for trial in board.results.of(submission, *key):
        studies.setdefault(trial.id.study, []).append(trial)
    return [study_time(trials, board.convention) for trials in studies.values()]


def _draw_studies(panel: _Panel, row: int, studies: list[float]) -> None:
    for seconds in studies:
        mark = "." if math.isfinite(seconds) else "x"
        panel.axes.plot([panel.place(seconds)], [row + 0.22], mark, color=panel.style(row).color,
                        markersize=4, alpha=0.8)  # fmt: skip


def _draw_interval(panel: _Panel, row: int, bounds: Bounds | None) -> None:
    if bounds is not None and math.isfinite(bounds.low):
        ends = [panel.place(bounds.low), panel.place(bounds.high)]
        panel.axes.plot(ends, [row, row], color=panel.style(row).color, linewidth=2.2,
                        solid_capstyle="butt")  # fmt: skip


def _draw_median(panel: _Panel, row: int, line: Standing, key: tuple[str, str | None]) -> str:
    """Draw the median, and return it in words."""
    entry, style = line.workloads[key[0]], panel.style(row)
    seconds = entry.seconds if key[1] is None else entry.variant_seconds
    bound = entry.at_least_seconds if key[1] is None else entry.variant_at_least_seconds
    if bound is not None:
        panel.axes.plot([panel.place(bound)], [row], ">", color=style.color, markersize=7,
                        fillstyle="none")  # fmt: skip
        return f"at least {panel.unit.told(bound)} (stopped early)"
    if seconds is None:
        panel.axes.annotate("no trial", (0.01, row), xycoords=("axes fraction", "data"),
                            va="center", color=panel.theme.muted)  # fmt: skip
        return "no trial"
    missed = seconds == INFINITY
    panel.axes.plot([panel.place(seconds)], [row], "x" if missed else style.marker,
                    color=style.color, markersize=7 if missed else 6,
                    markeredgewidth=2 if missed else 1)  # fmt: skip
    return panel.unit.told(seconds)
