"""The page itself: facts, figures and data put into one template."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from kit import __version__
from kit.report.facts import Facts
from kit.report.figures import DARK, LIGHT, PAGE, Picture, all_pictures
from kit.report.figures.style import series_style
from kit.report.page.data import CHUNK, COLUMNS, as_json, chunks_of, packed, rows_of, sources_of
from kit.report.page.unfinished import unfinished
from kit.report.page.verdict import verdict_of
from kit.text import escape_block

_FOLDER = Path(__file__).parent
_SCRIPTS = ("table.js", "details.js", "figures.js", "main.js")
SHOWN_STOPPED = 200  # rows of what did not run to its end; the table of trials has all


@dataclass(frozen=True)
class TextTable:
    """A table of text: title, column names, rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Story:
    """What is said in words, as the command line says it.

    Attributes:
        tables: of the leaderboard; empty where it says nothing, as for a single trial.
        sections: titles with their lines: marks, missing trials.
        notices: what a reader must know beside the numbers.
    """

    tables: Sequence[TextTable]
    sections: Sequence[tuple[str, Sequence[str]]]
    notices: Sequence[str]


def page(facts: Facts, story: Story) -> str:
    """Return the HTML of a report."""
    script = "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}}})();\n'
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=lambda value: escape_block(value) if type(value) is str else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    stopped = list(unfinished(facts))
    pictures = all_pictures(facts, theme=PAGE, legend=False)
    return environment.get_template("page.html.j2").render(
        title=title_of(facts),
        scope=scope_of(facts),
        version=__version__,
        verdict=verdict_of(facts),
        story=story,
        groups=_groups(facts, [_drawn(picture) for picture in pictures]),
        legend=[(name, _swatch(n)) for n, name in enumerate(facts.submissions)],
        stopped=stopped[:SHOWN_STOPPED],
        stopped_count=len(stopped),
        trial_count=len(facts.trials),
        data=Markup(as_json(_data(facts))),
        chunks=[Markup(chunk) for chunk in chunks_of(facts)],
        sources=Markup(packed(sources_of(facts))),
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        themes={"light": LIGHT, "dark": DARK},
        script=Markup(script),
        script_hash=_sha256(script),
    )


def scope_of(facts: Facts) -> str:
    """Return "trial", "submission" or "leaderboard": what the page is about."""
    if len(facts.trials) == 1:
        return "trial"
    return "submission" if len(facts.submissions) == 1 else "leaderboard"


def title_of(facts: Facts) -> str:
    """Return the page's title."""
    ruleset, scope = facts.loaded.ruleset.name, scope_of(facts)
    if scope == "trial":
        return f"Trial: {facts.trials[0].id}, ruleset {ruleset}"
    if scope == "submission":
        return f"Submission {facts.submissions[0]}, ruleset {ruleset}"
    return f"Leaderboard: ruleset {ruleset}, {len(facts.submissions)} submissions"


@dataclass(frozen=True)
class _Drawn:
    """A picture as the page has it; its figure's memory is free again."""

    name: str
    kind: str
    about: str
    title: str
    summary: str
    svg: Markup


def _drawn(picture: Picture) -> _Drawn:
    # Drawn by matplotlib, which escapes the names in it; a test holds it to that.
    drawing = Markup(picture.inline_svg())
    return _Drawn(
        picture.name, picture.kind, picture.about, picture.title, picture.summary, drawing
    )


def _groups(facts: Facts, drawn: Sequence[_Drawn]) -> list[tuple[str, list[_Drawn]]]:
    """Return the figures under headings: the whole, the workloads, the submissions."""
    of_submission = ("sensitivity", "schedule")
    groups = [("All workloads", [one for one in drawn if not one.about])]
    for label in facts.labels:
        own = [one for one in drawn if one.about == label and one.kind not in of_submission]
        groups.append((label, own))
    for name in facts.submissions:
        own = [one for one in drawn if one.about == name and one.kind in of_submission]
        groups.append((f"Submission {name}", own))
    return [(heading, own) for heading, own in groups if own]


def _swatch(number: int) -> dict[str, Any]:
    style = series_style(number, PAGE)
    dashes = "" if style.dashes == "solid" else " ".join(str(2 * x) for x in style.dashes[1])
    return {"color": f"var(--series-{number % len(PAGE.series)})", "dashes": dashes}


def _data(facts: Facts) -> dict[str, Any]:
    return {
        "columns": COLUMNS,
        "rows": rows_of(facts),
        "chunk": CHUNK,
        "scope": scope_of(facts),
    }


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
