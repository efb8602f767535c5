"""Ctrl-C and SIGTERM as a question that the referee asks itself at safe points."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While entered, remembers the first signal that asks to end, instead of raising anywhere.

    So no file is left half-written and no process behind; the trial ends at the next safe point, at
    the latest after one batch of an evaluation.
    """

    def __init__(self) -> None:
        self._name: str | None = None
        self.count = 0  # of signals so far
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in _HANDLED:
                self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._name = self._name or signal.Signals(number).name

    def received(self) -> str | None:
        """Return the name of the signal that came first, or None."""
        return self._name
