"""A leaderboard for people: on a terminal, as plain text, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import click

from kit.cli.tables import Table, plain, print_tables
from kit.scoring.explanation import Difference
from kit.scoring.gates import Fate
from kit.scoring.leaderboard import Leaderboard, Standing, WorkloadTime
from kit.scoring.reading.held_out import provenance
from kit.scoring.reading.load import Loaded
from kit.scoring.results import MissingTrials
from kit.scoring.rules import WRITTEN_RULES

NONE = "–"
_MARKS = {
    Fate.COUNTS: "",
    Fate.MISSED: "",
    Fate.VARIANT_MISSED: " v",
    Fate.CUT_OFF: " x",
    Fate.VARIANT_CUT_OFF: " vx",
    Fate.NO_DATA: "",
}
_LEGEND = {
    " v": "v: lost, because the held-out variant was missed",
    " x": "x: lost, more than {r_max:g} times the fastest",
    " vx": "vx: lost, more than {r_max:g} times the fastest on the held-out variant",
}


@dataclass(frozen=True)
class Scored:
    """Everything that outputs are made from."""

    loaded: Loaded
    board: Leaderboard
    differences: tuple[Difference, ...]
    seconds: Mapping[str, float]  # reading, scoring

    @property
    def by_rules(self) -> bool:
        """Tell whether the written rules were applied."""
        return self.board.convention == WRITTEN_RULES


@dataclass(frozen=True)
class Page:
    """Headline, tables, sections of lines, and notices."""

    headline: str
    tables: tuple[Table, ...]
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    notices: tuple[str, ...]

    def print(self) -> None:
        """Print all but the notices to stdout."""
        click.echo(click.style(plain(self.headline), bold=True))
        click.echo()
        print_tables(self.tables)
        for title, lines in self.sections:
            click.echo(f"\n{title}:")
            for line in lines:
                click.echo(f"  {plain(line)}")

    def markdown(self) -> str:
        """Return the page, notices included, as Markdown."""
        parts = [f"# {_escaped(self.headline)}"]
        for table in self.tables:
            rows = [table.columns, ["---"] * len(table.columns), *table.rows]
            lines = ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
            parts.append(f"## {_escaped(table.title)}\n\n" + "\n".join(lines))
        sections = [*self.sections, *([("Notes", self.notices)] if self.notices else [])]
        for title, entries in sections:
            listed = "\n".join(f"- {_escaped(entry)}" for entry in entries)
            parts.append(f"## {_escaped(title)}\n\n{listed}")
        return "\n\n".join(parts) + "\n"


def page_of(scored: Scored) -> Page:
    """Return the page of a leaderboard."""
    rules = scored.board.results.rules
    tables = [_leaderboard(scored), _times(scored, held_out=False)]
    if rules.held_out:
        tables.append(_times(scored, held_out=True))
    sections = [("Marks", tuple(_marks(scored)))]
    drawn = provenance(scored.loaded.held_out) if scored.loaded.form == "records" else None
    if drawn:
        sections.append(("Held-out variants", (drawn,)))
    if scored.differences:
        title = "Differs from the default (the written rules) because"
        sections.append((title, tuple(map(_difference, scored.differences))))
    missing = tuple(missing_lines(scored.board.results.missing()))
    if missing:
        counted = "each counts as missed" if scored.by_rules else "a study without any drops out"
        sections.append((f"Missing trials; {counted}", missing))
    return Page(_headline(scored), tuple(tables), tuple(sections), tuple(notices(scored)))


def notices(scored: Scored) -> Iterator[str]:
    """Yield what a reader must know beside the numbers."""
    board, loaded = scored.board, scored.loaded
    yield from loaded.notices
    if board.reference is None:
        name = loaded.ruleset.scoring.reference
        yield (
            f"No speedups: the ruleset's reference, {name}, takes no part. Choose with --reference."
        )
    if board.intervals and board.intervals.scores is None:
        yield "No intervals: with one study nothing tells how scores vary from run to run."
    censored = len(board.results.censored())
    if censored and scored.by_rules:
        yield (
            f"{censored} trials were stopped early. Every continuation of them gives these scores; "
            "intervals and profiles of resampled leaderboards count them as missed."
        )
    elif censored:
        yield f"{censored} trials were stopped early; this scorer counts them as missed."


def missing_lines(missing: list[MissingTrials]) -> Iterator[str]:
    """Yield one line for each submission, workload and set of trials, studies joined."""

    def place(entry: MissingTrials) -> tuple[str, str, bool, tuple[int, ...]]:
        return entry.submission, entry.label, entry.whole_study, entry.trials

    for (submission, label, whole, trials), entries in groupby(sorted(missing, key=place), place):
        studies = [entry.study for entry in entries]
        words = f"{'studies' if len(studies) > 1 else 'study'} {_span(studies)}"
        which = "" if whole else f", {'trials' if len(trials) > 1 else 'trial'} {_span(trials)}"
        yield f"{submission}, {label}: {words}{which}"


def _headline(scored: Scored) -> str:
    rules, loaded = scored.board.results.rules, scored.loaded
    counted = "" if scored.by_rules else ", counted as AlgoPerf's scorer does"
    variants = f", {len(rules.held_out)} held-out variants" if rules.held_out else ""
    words = (
        f"Leaderboard: ruleset {loaded.ruleset.name}, {loaded.tuning}, {len(rules.bases)} "
        f"workloads{variants}{counted}"
    )
    return f"UNVERIFIED. {words}" if loaded.verified is False else words


def _leaderboard(scored: Scored) -> Table:
    board = scored.board
    intervals = board.intervals is not None and board.intervals.scores is not None
    columns = ["rank", "submission", "score"]
    if intervals and board.intervals:
        columns += [f"{board.intervals.level:.0%} interval", "ranks"]
    columns += [f"speedup over {board.reference}" if board.reference else "speedup", "workloads"]
    remarks = scored.loaded.remarks
    flagged = any(remarks.values()) or scored.loaded.verified is False
    columns += ["remarks"] if flagged else []
    rows = []
    for line in board.standings:
        row = [str(line.rank), line.submission, f"{line.score:.4f}"]
        if line.interval and line.rank_interval:
            row.append(f"{line.interval.low:.4f} to {line.interval.high:.4f}")
            row.append(f"{line.rank_interval.low:.0f} to {line.rank_interval.high:.0f}")
        row += [_speedup(line), f"{line.counting} of {len(line.workloads)}"]
        if flagged:
            unverified = ["UNVERIFIED"] if scored.loaded.verified is False else []
            row.append("; ".join([*unverified, *remarks.get(line.submission, ())]) or NONE)
        rows.append(row)
    return Table("Scores", columns, rows)


def _speedup(line: Standing) -> str:
    if line.speedup is None or line.speedup.factor is None:
        return NONE
    return f"{line.speedup.factor:.3f} on {line.speedup.workloads}"


def _times(scored: Scored, *, held_out: bool) -> Table:
    rules = scored.board.results.rules
    bases = [base for base in rules.bases if not held_out or base in rules.held_out]
    names = [f"{base}_{rules.held_out[base]}" if held_out else base for base in bases]
    rows = [
        [line.submission, *(_cell(line.workloads[base], held_out=held_out) for base in bases)]
        for line in scored.board.standings
    ]
    where = "held-out variants" if held_out else "base workloads"
    headers = [name.replace("_", " ") for name in names]  # so that a narrow terminal can break them
    return Table(f"Time to target on {where}, seconds", ["submission", *headers], rows)


def _cell(entry: WorkloadTime, *, held_out: bool) -> str:
    seconds = entry.variant_seconds if held_out else entry.seconds
    bound = entry.variant_at_least_seconds if held_out else entry.at_least_seconds
    mark = "" if held_out else _MARKS[entry.fate]
    if bound is not None:
        return f"≥ {_seconds(bound)}{mark}"
    if seconds is None:
        return NONE
    return "∞" if seconds == float("inf") else f"{_seconds(seconds)}{mark}"


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def _marks(scored: Scored) -> Iterator[str]:
    fates = {entry.fate for line in scored.board.standings for entry in line.workloads.values()}
    yield "∞: target missed"
    if Fate.NO_DATA in fates:
        yield f"{NONE}: no trial is there, so the target counts as missed"
    for fate in sorted(fates):
        if text := _LEGEND.get(_MARKS[fate]):
            yield text.format(r_max=scored.board.results.rules.r_max)
    if scored.board.results.censored():
        yield "≥: stopped early, and how it would have gone on changes no score"


def _difference(difference: Difference) -> str:
    if not difference.changes:
        return f"{difference.sentence}: this alone changes no score"
    changes = ", ".join(
        f"{name} {ours:.5f} → {theirs:.5f}" for name, (ours, theirs) in difference.changes.items()
    )
    return f"{difference.sentence}: this alone changes {changes}"


def _span(numbers: list[int] | tuple[int, ...]) -> str:
    """Return "2 to 5" for numbers without gaps, otherwise all of them."""
    ordered = sorted(numbers)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered))


def _escaped(text: str) -> str:
    return plain(text).replace("|", "\\|").replace("<", "&lt;")
