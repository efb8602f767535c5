"""How figures look: themes, and for each submission a colour, a dash and a marker of its own.

Colour is never alone: dashes, markers or hatches say the same. The colours of a theme contrast with
its paper by 3 to 1 or more (WCAG 2.2, 1.4.11), and differ pairwise by 15 or more (CIE 1976) under
full colour vision and three simulated deficiencies (Machado, Oliveira and Fernandes 2009); found by
a random search over lightness and saturation, and held by a test.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kit.text import escape_line

WIDTH_INCHES = 4.4  # a phone shows it at nine tenths of its size, so its text stays readable
FONT_POINTS = 9
LEGEND_ROWS = 6  # beyond so many rows a legend has three columns


@dataclass(frozen=True)
class Theme:
    """Colours of paper, ink and series."""

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    series: tuple[str, ...]


LIGHT = Theme(
    "light", "#ffffff", "#1b1f24", "#57606a", "#d8dee4",
    ("#004784", "#b46519", "#00895c", "#a21dd8", "#a9779c", "#591c0a", "#032b3c"),
)  # fmt: skip
DARK = Theme(
    "dark", "#0d1117", "#e6edf3", "#9aa4af", "#30363d",
    ("#1c8cff", "#eb8a27", "#69ffd0", "#bf8dd3", "#e285a6", "#eeba9f", "#b4e3ec"),
)  # fmt: skip
# Stand-ins that `Picture.svg` replaces by CSS variables, so that one drawing follows the reader's
# theme. No real colour is as these.
PAGE = Theme(
    "page", "#010f01", "#010f02", "#010f03", "#010f04",
    tuple(f"#010f1{n}" for n in range(len(LIGHT.series))),
)  # fmt: skip
FARTHEST = 1e100  # larger numbers overflow in matplotlib's arithmetic
BACKGROUND_LINES = "#808080"  # of lines in a bitmap: readable on both papers

_DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "++++")


@dataclass(frozen=True)
class SeriesStyle:
    """How one submission is drawn."""

    color: str
    dashes: Any
    marker: str


def series_style(number: int, theme: Theme) -> SeriesStyle:
    """Return the style of the submission `number`; all differ up to 140."""
    return SeriesStyle(
        theme.series[number % len(theme.series)],
        _DASHES[number % len(_DASHES)],
        _MARKERS[number % len(_MARKERS)],
    )


@contextlib.contextmanager
def settings(theme: Theme) -> Iterator[None]:
    """Hold matplotlib's settings of a theme while a figure is made; the user's own stay out."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.size": FONT_POINTS,
                "axes.titlesize": FONT_POINTS + 1,
                "axes.labelsize": FONT_POINTS,
                "legend.fontsize": FONT_POINTS - 0.5,
                "figure.facecolor": theme.paper,
                "savefig.facecolor": theme.paper,
                "axes.facecolor": theme.paper,
                "axes.edgecolor": theme.muted,
                "axes.labelcolor": theme.ink,
                "axes.titlecolor": theme.ink,
                "text.color": theme.ink,
                "xtick.color": theme.muted,
                "ytick.color": theme.muted,
                "xtick.labelcolor": theme.ink,
                "ytick.labelcolor": theme.ink,
                "grid.color": theme.grid,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.formatter.useoffset": False,
                "hatch.linewidth": 0.6,
                "text.parse_math": False,  # names are anyone's: "$\\frac$" is no formula
                "text.usetex": False,
            }
        )
        yield


def new_figure(
    title: str, *, height_inches: float = 3.0, panels: tuple[int, int] = (1, 1)
) -> tuple[Figure, list[Axes]]:
    """Return a figure with rows × columns of axes; call it within `settings`."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    grid = figure.subplots(*panels, squeeze=False)
    size = FONT_POINTS + 1 if len(title) <= 42 else FONT_POINTS - 1
    figure.suptitle(shown(title, 54), x=0.01, ha="left", fontsize=size, fontweight="bold")
    axes = list(grid.flat)
    for one in axes:
        one.grid(visible=True, linewidth=0.6)
        one.set_axisbelow(True)
    return figure, axes


def rows_height(rows: int, *, legend: bool = False) -> float:
    """Return the height in inches of a figure with a row for each submission."""
    return min(1.15 + 0.24 * rows + (0.5 if legend else 0.0), 20.0)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Name the rows of a horizontal figure, the first on top."""
    axes.set_yticks(range(len(names)), [shown(name, 26) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Put a legend below the axes, and make the figure as much higher."""
    columns = 2 if len(names) <= 2 * LEGEND_ROWS else 3
    rows = -(-len(names) // columns)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.19 * rows)
    length = 24 if columns == 2 else 15
    figure.legend(
        list(handles), [shown(name, length) for name in names], loc="outside lower left",
        ncols=columns, frameon=False, handlelength=2.6, columnspacing=1.2, borderpad=0.1,
    )  # fmt: skip


def submission_handles(numbers: Sequence[int], theme: Theme) -> list[Line2D]:
    """Return a legend's samples of submissions."""
    styles = [series_style(number, theme) for number in numbers]
    return [
        Line2D([], [], color=s.color, linestyle=s.dashes, marker=s.marker, markersize=4)
        for s in styles
    ]


def shown(text: str, length: int = 60) -> str:
    """Return text that anyone may have written as a figure can show it."""
    words = escape_line(" ".join(text.split()))
    return words if len(words) <= length else words[: length - 1] + "…"
