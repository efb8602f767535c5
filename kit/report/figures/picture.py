"""A figure with its name and its words, written as SVG or PNG."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from kit.report.figures.style import LIGHT, PAGE, Theme

PNG_DOTS_PER_INCH = 200
_NAME_LENGTH = 80
BITMAP_DOTS_PER_INCH = 130  # of lines that an SVG holds as a bitmap
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_PATH = re.compile(r'( (?:d|transform|x|y)=")([^"]*)(")')
_PREFIX = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_VARIABLES = {
    PAGE.paper: "var(--paper)",
    PAGE.ink: "var(--ink)",
    PAGE.muted: "var(--muted)",
    PAGE.grid: "var(--grid)",
    **{color: f"var(--series-{number})" for number, color in enumerate(PAGE.series)},
}


@dataclass(frozen=True)
class Picture:
    """One figure.

    Attributes:
        name: of its file, without an ending, made by `picture_name`.
        kind: which function drew it.
        about: the workload or submission that it is about; empty for the whole.
        title: a heading.
        summary: what a reader who cannot see the figure should know: its alternative text.
        figure: matplotlib's.
        theme: it was drawn in.
    """

    name: str
    kind: str
    about: str
    title: str
    summary: str
    figure: Figure
    theme: Theme = LIGHT

    def png(self, *, dots_per_inch: int = PNG_DOTS_PER_INCH) -> bytes:
        """Return the figure as PNG."""
        metadata = {"Title": self.title, "Description": self.summary}
        return self._written("png", metadata, dots_per_inch=dots_per_inch)

    def svg(self) -> bytes:
        """Return the figure as an SVG file of its own, its text as outlines."""
        metadata = {"Date": None, "Title": self.title, "Description": self.summary}
        return self._written("svg", metadata)

    def inline_svg(self) -> str:
        """Return the figure for a page: its text as text, its colours as the page's variables."""
        written = self._written("svg", {"Date": None}, text_as="none").decode("utf-8")
        text = _METADATA.sub("", _PREFIX.sub("", written, count=1), count=1)
        for color, variable in _VARIABLES.items():
            text = text.replace(color, variable)
        text = _PATH.sub(lambda match: match[1] + _rounded(match[2]) + match[3], text)
        return _own_ids(text, self.name)

    def _written(
        self,
        form: str,
        metadata: Mapping[str, str | None],
        *,
        dots_per_inch: int = BITMAP_DOTS_PER_INCH,
        text_as: str = "path",
    ) -> bytes:
        buffer = io.BytesIO()
        with mpl.rc_context(), warnings.catch_warnings():
            mpl.rcdefaults()
            mpl.rcParams.update({"svg.hashsalt": "stopwatch", "svg.fonttype": text_as})
            # A name may have characters that the font lacks; they are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            self.figure.savefig(buffer, format=form, metadata=dict(metadata), dpi=dots_per_inch)
        return buffer.getvalue()


def picture_name(*parts: str) -> str:
    """Return parts joined by hyphens: safe in a path and an id, and different for other parts."""
    text = "-".join(part for part in parts if part)
    safe = re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:_NAME_LENGTH]
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return safe if safe == text else f"{safe}-{digest[:8]}"


def _rounded(text: str) -> str:
    """Shorten coordinates: two thirds of a drawing are digits that nobody sees."""
    return _NUMBER.sub(lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), text)


def _own_ids(svg: str, name: str) -> str:
    """Make ids unique on a page with many drawings; those of trials are left to the script."""
    ids = set(re.findall(r' id="([^"]+)"', svg))
    for one in sorted(ids, key=len, reverse=True):
        if one.startswith("trial-"):
            svg = svg.replace(f' id="{one}"', f' data-trial="{one.removeprefix("trial-")}"')
    svg = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
