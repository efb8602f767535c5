"""`evaluations.csv`: one row per evaluation, every number exactly as it was measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from pydantic import ValidationError

from kit.records.record import Evaluation

_FIELDS = tuple(name for name in Evaluation.model_fields if name != "metrics")
_SPLITS = ("train", "validation", "test")


def encode_evaluations(evaluations: Sequence[Evaluation]) -> bytes:
    """Return the rows as CSV: floats as their shortest exact decimal, `nan` and `inf` as words."""
    metrics = sorted({name for e in evaluations for name in e.metrics}, key=_metric_order)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_FIELDS, *metrics])
    for evaluation in evaluations:
        fixed = [_cell(getattr(evaluation, name)) for name in _FIELDS]
        writer.writerow([*fixed, *(_cell(evaluation.metrics.get(name)) for name in metrics)])
    return buffer.getvalue().encode("utf-8")


def decode_evaluations(data: bytes) -> list[Evaluation]:
    """Parse `evaluations.csv`.

    Raises:
        ValueError: a cell does not parse, or the text is not what `encode_evaluations` writes;
            the message names line and column.
    """
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from None
    header = rows[0] if rows else []
    if tuple(header[: len(_FIELDS)]) != _FIELDS:
        raise ValueError(f"line 1: the first columns must be {', '.join(_FIELDS)}")
    evaluations = [_row(header, row, number) for number, row in enumerate(rows[1:], start=2)]
    if encode_evaluations(evaluations) != data:
        raise ValueError("not in the form the kit writes (exact decimals, sorted metric columns)")
    return evaluations


def _row(header: Sequence[str], row: Sequence[str], number: int) -> Evaluation:
    if len(row) != len(header):
        raise ValueError(f"line {number}: {len(row)} cells, but the header has {len(header)}")
    cells = dict(zip(header, row, strict=True))
    metrics = {name: cells[name] for name in header[len(_FIELDS) :] if cells[name]}
    try:
        fixed = {name: cells[name] for name in _FIELDS if cells[name]}  # an empty cell is None
        return Evaluation.model_validate({**fixed, "metrics": metrics})
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(str(part) for part in first["loc"] if part != "[key]")
        received = str(first["input"])[:80]
        raise ValueError(
            f"line {number}, column {column}: {first['msg']}. Received: {received!r}"
        ) from None


def _cell(value: float | bool | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _metric_order(name: str) -> tuple[int, str]:
    split = name.partition("/")[0]
    return _SPLITS.index(split), name
