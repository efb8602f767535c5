"""What preparation shows while it works: one line and a bar, on stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Protocol


class Progress(Protocol):
    """Receives the current stage, and how much of it is done."""

    def stage(self, text: str) -> None:
        """Begin a stage."""
        ...

    def amount(self, done: int, total: int | None) -> None:
        """Report progress within the stage, in bytes or items."""
        ...


class SilentProgress:
    """Shows nothing."""

    def stage(self, text: str) -> None:
        """Ignore the stage."""

    def amount(self, done: int, total: int | None) -> None:
        """Ignore the amount."""


class LineProgress:
    """One plain line for each stage: for logs and pipes."""

    def __init__(self) -> None:
        self._last = ""

    def stage(self, text: str) -> None:
        """Print the stage, unless it goes on."""
        if text != self._last:
            print(text, file=sys.stderr, flush=True)
        self._last = text

    def amount(self, done: int, total: int | None) -> None:
        """Ignore the amount."""


class BarProgress:
    """A live bar on a terminal."""

    def __init__(self, description: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(description, total=None)

    def stage(self, text: str) -> None:
        """Show the stage, its amount unknown."""
        self._bar.update(self._task, description=text, completed=0, total=None)

    def amount(self, done: int, total: int | None) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total)


@contextlib.contextmanager
def shown_progress(description: str) -> Iterator[Progress]:
    """Show progress on stderr: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield LineProgress()
        return
    shown = BarProgress(description)
    with shown._bar:
        yield shown
