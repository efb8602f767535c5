"""Figures of a whole leaderboard: performance profiles, and scores with intervals."""

from __future__ import annotations

from kit.report.facts import Facts
from kit.report.figures.picture import Picture
from kit.report.figures.style import (
    LIGHT,
    Theme,
    legend_below,
    name_rows,
    new_figure,
    rows_height,
    series_style,
    settings,
    shown,
    submission_handles,
)


def performance_profiles(facts: Facts, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw for each submission the share of workloads that it solves within τ times the fastest.

    Source: Dolan and Moré 2002, "Benchmarking optimization software with performance profiles".
    """
    board = facts.board
    if board is None or not board.standings:
        return None
    r_max = board.results.rules.r_max
    with settings(theme):
        figure, (axes,) = new_figure("Performance profiles")
        for number, line in enumerate(board.standings):
            style = series_style(number, theme)
            tau = [1.0, *line.profile.tau, r_max]
            share = [0.0, *line.profile.share, ([0.0, *line.profile.share])[-1]]
            axes.plot(
                tau, [100 * s for s in share], drawstyle="steps-post", color=style.color,
                linestyle=style.dashes, linewidth=1.7, marker=style.marker, markersize=4,
                markevery=slice(1, -1), clip_on=False,
            )  # fmt: skip
        axes.set_xlim(1, r_max)
        axes.set_ylim(0, 103)
        axes.set_xlabel("time to target / fastest time (ratio)")
        axes.set_ylabel("workloads solved within it (%)")
        names = [line.submission for line in board.standings]
        legend_below(figure, submission_handles(range(len(names)), theme), names)
    told = [
        f"{shown(line.submission)} solves {_percent(line.profile.share)} of the workloads within"
        f" {r_max:g} times the fastest"
        for line in board.standings[:5]
    ]
    summary = (
        f"Performance profiles of {len(names)} submissions on {len(board.results.rules.bases)}"
        f" workloads. {'; '.join(told)}."
    )
    return Picture("profiles", "profiles", "", "Performance profiles", summary, figure, theme)


def scores(facts: Facts, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw scores, best first, with their intervals."""
    board = facts.board
    if board is None or not board.standings:
        return None
    with settings(theme):
        figure, (axes,) = new_figure("Scores", height_inches=rows_height(len(board.standings)))
        for row, line in enumerate(board.standings):
            style = series_style(row, theme)
            if line.interval:
                axes.plot([line.interval.low, line.interval.high], [row, row],
                          color=style.color, linewidth=2.2, solid_capstyle="butt")  # fmt: skip
            axes.plot([line.score], [row], style.marker, color=style.color, markersize=6,
                      clip_on=False)  # fmt: skip
            axes.annotate(f"{line.score:.3f}", (1.0, row), va="center",
                          xycoords=("axes fraction", "data"), xytext=(4, 0),
                          textcoords="offset points")  # fmt: skip
        name_rows(axes, [line.submission for line in board.standings])
        axes.set_xlim(0, 1)
        drawn = board.intervals if board.intervals and board.intervals.scores else None
        level = f"; line: {drawn.level:.0%} interval" if drawn else ""
        axes.set_xlabel(f"benchmark score (0 to 1){level}")
    told = [
        f"{shown(line.submission)} {line.score:.4f}"
        + (f" ({line.interval.low:.4f} to {line.interval.high:.4f})" if line.interval else "")
        for line in board.standings[:8]
    ]
    summary = f"Scores of {len(board.standings)} submissions, best first: {'; '.join(told)}."
    return Picture("scores", "scores", "", "Scores", summary, figure, theme)


def _percent(share: tuple[float, ...]) -> str:
    return f"{100 * (share[-1] if share else 0.0):.0f}%"
