"""One trial in a process of its own: `kit run --json`, followed line by line until it ends."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

POLL_SECONDS = 0.2
_KEPT_LINES = 40
_LAST_LINES_SECONDS = 2.0  # for what is still in the pipe when the process has ended
_END = None
_ERROR = "Error: "


class Signals(Protocol):
    """Which signals have asked this process to end."""

    count: int

    def received(self) -> str | None:
        """Return the name of the first, or None."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit status, and what it said besides events."""

    status: int
    said: tuple[str, ...]

    @property
    def has_error(self) -> bool:
        """Tell whether it ended with one of the kit's own errors."""
        return any(line.startswith(_ERROR) for line in self.said)

    @property
    def error(self) -> str:
        """Return the line that explains a failure best."""
        errors = [line.removeprefix(_ERROR) for line in self.said if line.startswith(_ERROR)]
        return next(reversed(errors or self.said), "")


def run_child(
    command: Sequence[str],
    *,
    event: Callable[[Mapping[str, Any]], None],
    signals: Signals,
) -> Ended:
    """Run `command` to its end.

    It has a session of its own, so that the terminal's Ctrl-C reaches it through this process only:
    the first signal is handed on and ends the trial at its next safe point, a second one kills it.

    Args:
        command: writes its progress as JSON lines to stderr.
        event: is called with each of them, in the caller's thread.
        signals: to this process.
    """
    said: list[str] = []
    with _started(command) as process:
        lines = _lines(process)
        handed_on = 0
        for line in _until_end(process, lines):
            if signals.count > handed_on:
                process.send_signal(_asked(signals) if handed_on == 0 else signal.SIGKILL)
                handed_on = signals.count
            if line is None:
                continue
            fields = _event(line)
            if fields is not None:
                event(fields)
            elif line.strip():
                said = [*said, line.rstrip()][-_KEPT_LINES:]
        return Ended(process.wait(), tuple(said))


def _asked(signals: Signals) -> signal.Signals:
    return signal.Signals[signals.received() or "SIGINT"]


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the result is read from the record
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _lines(process: subprocess.Popen[str]) -> queue.SimpleQueue[str | None]:
    arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    assert process.stderr is not None

    def read(stream: IO[str]) -> None:
        with stream:
            for line in stream:
                arrived.put(line)
        arrived.put(_END)

    threading.Thread(target=read, args=(process.stderr,), daemon=True).start()
    return arrived


def _until_end(
    process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]
) -> Iterator[str | None]:
    """Yield each line, and None while there is none, until the process is gone."""
    silent_seconds = 0.0
    while silent_seconds < _LAST_LINES_SECONDS:
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            # A process that left the trial may hold the pipe open for ever.
            silent_seconds = silent_seconds + POLL_SECONDS if process.poll() is not None else 0.0
            yield None
            continue
        if line is _END:
            return
        yield line


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) and "event" in fields else None
