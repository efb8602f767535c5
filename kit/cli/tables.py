"""Tables for people: drawn on a terminal, plain aligned columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from kit.text import escape_line


@dataclass(frozen=True)
class Table:
    """A title, column names and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables to stdout, a blank line between them."""
    draw = _draw if sys.stdout.isatty() else _print_plain
    for number, table in enumerate(tables):
        if number:
            click.echo()
        draw(table)


def plain(text: object) -> str:
    """Return words on one line that cannot mislead a terminal: a file may hold its codes."""
    return escape_line(" ".join(str(text).split()))


def seconds(value: float) -> str:
    """Return a number of seconds, and from an hour on also the hours."""
    text = f"{value:,.10g} s"
    return f"{text} ({value / 3600:.1f} h)" if value >= 3600 else text


def _print_plain(table: Table) -> None:
    lines = [[plain(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    click.echo(f"{table.title}:")
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _draw(table: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        drawn.add_column(Text(column, overflow="fold"), no_wrap=number == 0)
    for row in table.rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))  # Text: no markup is interpreted
    Console().print(drawn)
