"""A picture on a terminal, redrawn in place, that goes quiet when its terminal is gone."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live

REDRAW_SECONDS = 0.5  # a picture costs a few milliseconds that a trainer on two cores would miss


class Terminal(Console):
    """A console that goes quiet when its terminal is gone, where rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Stop writing; what is shown goes on."""
        self.quiet = True


class Canvas:
    """Draws what a function returns; nothing it meets on the terminal ever reaches its caller."""

    def __init__(
        self, console: Terminal, picture: Callable[[], RenderableType], now: Callable[[], float]
    ) -> None:
        self._console = console
        self._picture = picture
        self._now = now
        self._drawn_at = float("-inf")
        self._is_open = False
        self._live = Live(
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def open(self) -> None:
        """Take the terminal and draw."""
        self._is_open = True
        self._try(self._live.start)
        self.draw()

    def draw(self, *, force: bool = True) -> None:
        """Draw; without `force` only where the last time is long ago."""
        if not self._is_open or (not force and self._now() - self._drawn_at < REDRAW_SECONDS):
            return
        self._drawn_at = self._now()
        self._try(lambda: self._live.update(self._picture(), refresh=True))

    def print_above(self, line: RenderableType) -> None:
        """Write a line that stays above the picture, or where it will be."""
        self._try(lambda: self._console.print(line))

    def close(self) -> None:
        """Give the terminal back, in whatever state it is."""
        self._try(self._live.stop)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:  # the terminal is gone; what is shown goes on
            self._is_open = False
