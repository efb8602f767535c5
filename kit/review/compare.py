"""W&B's copy of a run against the run that follows from the signed record. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from kit.mirror.replay import Replay
from kit.records.findings import Finding, Status
from kit.review.copies import RunCopy

# Whoever uploads knows other keys than whoever reviews, so these two say nothing.
_OPINIONS = {"known-key", "unknown-key"}
_SHOWN_CHARACTERS = 80
_SHOWN = 5  # differences of one kind in a run


def compare_run(copy: RunCopy, signed: Replay) -> list[Finding]:
    """Return what W&B shows otherwise than it was signed; one finding that says so if nothing."""
    where = f"run {signed.run_id}"
    if copy.problem:
        text = f"What W&B has cannot be read, so it was not compared: {copy.problem}."
        return [Finding("run", "problem", where, text)]
    found = [
        *(Finding("run", "problem", where, text) for text in _heading(copy, signed)),
        *_listed("tags", where, _tags(copy, signed)),
        *_listed("config", where, _mapping(copy.config, signed.config, "config")),
        *_listed("summary", where, _summary(copy, signed)),
        *_listed("history", where, _history(copy, signed)),
    ]
    fine = "Name, group, tags, config, summary and history are those of the signed record."
    return found or [Finding("run", "ok", where, fine)]


def _listed(check: str, where: str, texts: Iterator[str]) -> Iterator[Finding]:
    status: Status = "problem"
    all_texts = list(texts)
    for text in all_texts[:_SHOWN]:
        yield Finding(check, status, where, text)
    if len(all_texts) > _SHOWN:
        yield Finding(check, status, where, f"{len(all_texts) - _SHOWN} more differences.")


def _heading(copy: RunCopy, signed: Replay) -> Iterator[str]:
    for what, shown, expected in (
        ("name", copy.name, signed.name),
        ("group", copy.group, signed.group),
        ("job type", copy.job_type, signed.job_type),
    ):
        if shown != expected:
            yield f"W&B shows the {what} {_short(shown)}; the record gives {_short(expected)}."


def _tags(copy: RunCopy, signed: Replay) -> Iterator[str]:
    shown, expected = set(copy.tags) - _OPINIONS, set(signed.tags) - _OPINIONS
    for tag in sorted(shown - expected):
        yield f"The tag {_short(tag)} was added at W&B; the record does not give it."
    for tag in sorted(expected - shown):
        yield f"The tag {_short(tag)} was removed at W&B."


def _mapping(shown: Mapping[str, Any], signed: Mapping[str, Any], what: str) -> Iterator[str]:
    """Compare two mappings; a key without a value is as good as none."""
    for key, value in signed.items():
        expected = as_shown(value)
        if not same(shown.get(key), expected):
            yield (
                f"{what} {key} is {_short(shown.get(key))} at W&B; the record says "
                f"{_short(expected)}."
            )
    for key in sorted(shown.keys() - signed.keys()):
        if not _is_own(key) and shown[key] is not None:
            yield f"{what} {_short(key)} was added at W&B."


def _summary(copy: RunCopy, signed: Replay) -> Iterator[str]:
    """Compare the summary, to which W&B adds the last value of each column of the history."""
    last = dict(signed.rows[-1]) if signed.rows else {}
    expected: dict[str, Any] = {**last, **signed.summary}
    for metric, best in signed.best.items():
        values = [row[metric] for row in signed.rows if math.isfinite(row.get(metric, math.nan))]
        shown = copy.summary.get(metric)
        if values and isinstance(shown, Mapping):
            expected[metric] = {
                "last": last.get(metric), best: (min if best == "min" else max)(values)
            }  # fmt: skip
    yield from _mapping(copy.summary, expected, "summary")


def _history(copy: RunCopy, signed: Replay) -> Iterator[str]:
    shown: dict[Any, Mapping[str, Any]] = {}
    for row in copy.rows:
        step = row.get("_step")
        if step in shown or not isinstance(step, int) or not 1 <= step <= len(signed.rows):
            yield f"history: a row of step {_short(step)} was added at W&B."
        else:
            shown[step] = row
    for step, row in enumerate(signed.rows, start=1):
        if step not in shown:
            yield f"history: the row of evaluation {step} is missing."
        else:
            yield from _mapping(shown[step], row, f"history, evaluation {step}:")


def as_shown(value: Any) -> Any:
    """Return a value as W&B gives it back: numbers that are not finite are text."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): as_shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_shown(item) for item in value]
    return value


def same(shown: Any, expected: Any) -> bool:
    """Compare two values of JSON; 2 and 2.0 are the same number, 1 and true are not."""
    if isinstance(shown, bool) or isinstance(expected, bool):
        return shown is expected
    if isinstance(shown, float) and not math.isfinite(shown):
        return same(as_shown(shown), expected)
    if isinstance(shown, Mapping) and isinstance(expected, Mapping):
        return shown.keys() == expected.keys() and all(same(shown[k], expected[k]) for k in shown)
    if isinstance(shown, list) and isinstance(expected, list):
        pairs = zip(shown, expected, strict=False)
        return len(shown) == len(expected) and all(same(a, b) for a, b in pairs)
    return bool(shown == expected)


def _is_own(key: str) -> bool:
    """Tell whether W&B itself is behind a key."""
    return key.startswith("_")


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
