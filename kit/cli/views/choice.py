"""Which view fits where the output goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from kit.cli.views.canvas import Terminal
from kit.cli.views.jsonl import JsonLinesView
from kit.cli.views.live import LiveView
from kit.cli.views.plain import PlainView
from kit.data.progress import Progress, shown_progress

View = LiveView | PlainView | JsonLinesView


def choose_view(stream: TextIO, *, as_json: bool = False, debugger: bool = False) -> View:
    """Return JSON lines if asked for, the live view on a terminal, plain lines elsewhere.

    A picture that is redrawn would fight with a debugger's prompt.
    """
    if as_json:
        return JsonLinesView(stream)
    console = Terminal(file=stream)
    if console.is_terminal and not console.is_dumb_terminal and not debugger:
        return LiveView(console)
    return PlainView(stream)


class _NotedProgress:
    """Hands the stages of data preparation to a view, as notes."""

    def __init__(self, view: View) -> None:
        self._view = view

    def stage(self, text: str) -> None:
        """Write the stage."""
        self._view.note(text)

    def amount(self, done: int, total: int | None) -> None:
        """Leave the amount out: the lines of a log do not move."""


@contextmanager
def data_progress(workload: str, view: View) -> Iterator[Progress]:
    """Show the preparation of data as the view would."""
    if isinstance(view, LiveView):
        with shown_progress(f"Preparing the data of {workload}") as shown:
            yield shown
    else:
        yield _NotedProgress(view)
