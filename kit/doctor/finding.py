"""One answer of the doctor."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"  # runs, but a result is weaker or slower, or one way to run is closed
    ERROR = "error"  # prevents running


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and how to mend it."""

    subject: str
    level: Level
    text: str
    fix: str = ""


def ok(subject: str, text: str) -> Finding:
    """Return a finding that needs nothing."""
    return Finding(subject, Level.OK, text)


def warning(subject: str, text: str, fix: str) -> Finding:
    """Return a finding that weakens results."""
    return Finding(subject, Level.WARNING, text, fix)


def error(subject: str, text: str, fix: str) -> Finding:
    """Return a finding that prevents running."""
    return Finding(subject, Level.ERROR, text, fix)


def what_and_fix(problem: Exception) -> tuple[str, str]:
    """Split an error of the kit, whose last sentence is the fix, as a finding needs it."""
    what, _, fix = str(problem).removesuffix(".").rpartition(". ")
    fix = fix.removeprefix("Fix it: ")
    return what, fix[:1].lower() + fix[1:]
