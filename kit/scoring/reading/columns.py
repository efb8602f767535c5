"""Columns of numbers as text: parsed and checked, every fault named by file and row.

| what a file may hold | what happens |
|---|---|
| a metric that is empty, NaN or infinite | never reaches a target; counted in a notice |
| a cell that is no number; an empty time or step | refused: file, row, column |
| a row with fewer or more cells than the header | refused: file, row |
| a time or step that is negative or not finite | refused: file, row |
| a time or step not after the one before | refused: file, row; `--compat` uses and notes it |
| a column that is missing or there twice | refused: file, column |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import ArrayLike

from kit.errors import InvalidFile

_FIX = "Correct or remove it, then score again."


@dataclass(frozen=True)
class Table:
    """A table as text, column by column; the header is row 1 of the file."""

    file: str
    header: Sequence[str]
    columns: Sequence[Sequence[str]]

    @property
    def rows(self) -> int:
        """Return how many rows there are below the header."""
        return len(self.columns[0])

    def column(self, name: str) -> Sequence[str]:
        """Return a column.

        Raises:
            InvalidFile: it is missing, or there twice.
        """
        if self.header.count(name) != 1:
            problem = "there is no column" if name not in self.header else "there are two columns"
            raise InvalidFile(
                f"{self.file}: {problem} {name!r}. Choose from the columns: "
                f"{', '.join(self.header) or '(none)'}. {_FIX}"
            )
        return self.columns[self.header.index(name)]


def parse_table(data: bytes, file: str) -> Table | None:
    """Return the columns of a CSV file; None when the file is empty or holds only a header.

    The text is split as one flat list: lists of rows cost three times as long (221,660 rows).

    Raises:
        InvalidFile: it is not UTF-8, has quoted cells, or a row has another number of cells.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n")
    except UnicodeDecodeError:
        raise InvalidFile(f"{file}: not UTF-8 text. {_FIX}") from None
    if '"' in text:
        row = text[: text.index('"')].count("\n") + 1
        raise InvalidFile(f"{file}: row {row}: cells in quotes are not read. {_FIX}")
    header, *lines = text.split("\n")
    if not lines:
        return None
    commas = header.count(",")
    counts = list(map(str.count, lines, repeat(",")))
    if counts != [commas] * len(lines):
        row, found = next((n, c) for n, c in enumerate(counts, 2) if c != commas)
        raise InvalidFile(
            f"{file}: row {row} has {found + 1} cells, the header has {commas + 1}: cut off, or "
            f"damaged. {_FIX}"
        )
    cells = ",".join(lines).split(",")
    return Table(file, header.split(","), [cells[n :: commas + 1] for n in range(commas + 1)])


def numbers(cells: Sequence[str], *, file: str, column: str, first: int = 2) -> list[float]:
    """Return cells as numbers.

    Raises:
        InvalidFile: a cell is no number.
    """
    try:
        return list(map(float, cells))
    except ValueError:
        row, cell = next((n, c) for n, c in enumerate(cells, first) if not _is_number(c))
        raise InvalidFile(
            f"{file}: row {row}, column {column}: must be a number. Received: {cell[:80]!r}. {_FIX}"
        ) from None


def metrics(cells: Iterable[str], *, file: str, column: str, first: int = 2) -> list[float]:
    """Return cells as numbers, empty ones as NaN.

    Raises:
        InvalidFile: a cell is no number.
    """
    return numbers([cell or "nan" for cell in cells], file=file, column=column, first=first)


def check_increasing(
    values: ArrayLike,
    *,
    file: str,
    column: str,
    first: int = 2,
    tolerated: list[str] | None = None,
) -> None:
    """Check that times or steps are finite, not negative, and increase from row to row.

    Args:
        values: the cells as numbers.
        file: named in messages.
        column: named in messages.
        first: the row of the first cell.
        tolerated: where given, takes the sentence about a fall instead of raising it.

    Raises:
        InvalidFile: names the first row where they do not.
    """
    array = np.asarray(values, dtype=float)
    if not array.size:
        return
    # The usual case, asked thousands of times, in one comparison.
    if array[0] >= 0 and array[-1] < math.inf and (array[1:] > array[:-1]).all():
        return
    odd = np.flatnonzero(~((array >= 0) & (array < math.inf)))  # NaN fails both
    if odd.size:
        raise InvalidFile(
            f"{file}: row {first + odd[0]}, column {column}: must be finite and not negative. "
            f"Received: {array[odd[0]]}. {_FIX}"
        )
    back = np.flatnonzero(array[1:] <= array[:-1])
    if back.size:
        before, after = array[back[0]], array[back[0] + 1]
        problem = (
            f"{file}: row {first + back[0] + 1}, column {column}: {after} does not come after "
            f"{before} in the row before: rows were swapped, repeated or joined."
        )
        if tolerated is None:
            raise InvalidFile(f"{problem} {_FIX}")
        tolerated.append(problem)


def count_not_finite(values: ArrayLike) -> int:
    """Return how many values are NaN or infinite."""
    return int(np.count_nonzero(~np.isfinite(np.asarray(values, dtype=float))))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
