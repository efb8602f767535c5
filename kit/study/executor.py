"""Where the trials of a study run: each in a separate process, which is followed line by line.

A process executes one trial request and writes its events as JSON lines, so that a crash or a leak
ends with the trial. Another executor (a cluster) takes the same requests and tells the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from kit.contracts.trial_id import TrialId
from kit.planning.request import TrialRequest

POLL_SECONDS = 0.2
_KEPT_LINES = 40
_LAST_LINES_SECONDS = 2.0  # for what is still in the pipe when the process has ended
_ERROR = "Error: "
_PROGRAM = (sys.executable, "-P", "-c", "from kit.cli.main import main; main()")


class Signals(Protocol):
    """Which signals have asked this process to end."""

    count: int

    def received(self) -> str | None:
        """Return the name of the first, or None."""
        ...


@dataclass(frozen=True)
class Event:
    """Something that a running trial has reported, as `kit run --json` does."""

    id: TrialId
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """How the process of a trial ended: its exit status, and what it printed besides events."""

    id: TrialId
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


class Executor(Protocol):
    """Runs trials that a study hands over; results are read from records, not from here."""

    capacity: int  # how many trials at once

    def submit(self, request: TrialRequest) -> None:
        """Start a trial."""
        ...

    def next(self) -> Event | Ended | None:
        """Return what happened next; None if nothing did for a moment."""
        ...

    def interrupt(self, name: str) -> None:
        """Ask all running trials to end, as the signal `name` does; they write their records."""
        ...

    def kill(self) -> None:
        """End all running trials at once."""
        ...


@dataclass
class _Child:
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    ended_polls: int = 0  # since the process ended with its pipe held open


class LocalExecutor:
    """Runs trials in processes of this machine; a context manager that leaves none behind.

    Each has a separate session, so that the terminal's Ctrl-C reaches it through this process only.
    """

    def __init__(self, *, capacity: int = 1, program: Sequence[str] = _PROGRAM) -> None:
        """`program` with the arguments of `kit referee` executes a request that it reads."""
        self.capacity = capacity
        self._command = [*program, "referee", "--tied-to", str(os.getpid())]
        self._children: dict[TrialId, _Child] = {}
        self._lines: queue.SimpleQueue[tuple[TrialId, str | None]] = queue.SimpleQueue()

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        for child in self._children.values():
            child.process.wait()

    def submit(self, request: TrialRequest) -> None:
        """Start the process of a trial."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # the result is read from the record
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stderr is not None
        self._children[request.id] = _Child(process)
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:  # its end explains it
            pipe.write(request.encode())
        arguments = (request.id, process.stderr)
        threading.Thread(target=self._read, args=arguments, daemon=True).start()

    def next(self) -> Event | Ended | None:
        """Return the next event of a trial, or the end of one."""
        try:
            trial_id, line = self._lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return self._ended_silently()
        child = self._children.get(trial_id)
        if child is None:  # a process that left the trial wrote to its pipe
            return None
        if line is None:
            return self._end(trial_id)
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict) and "event" in fields:
            return Event(trial_id, fields)
        if line.strip():
            child.said = [*child.said, line.rstrip()][-_KEPT_LINES:]
        return None

    def interrupt(self, name: str) -> None:
        """Send a signal to all running trials."""
        for child in self._children.values():
            child.process.send_signal(signal.Signals[name])

    def kill(self) -> None:
        """Send SIGKILL to all running trials."""
        for child in self._children.values():
            child.process.kill()

    def _read(self, trial_id: TrialId, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._lines.put((trial_id, line))
        self._lines.put((trial_id, None))

    def _ended_silently(self) -> Ended | None:
        """Return the end of a process whose pipe another one, which left the trial, holds open."""
        for trial_id, child in self._children.items():
            if child.process.poll() is not None:
                child.ended_polls += 1
                if child.ended_polls * POLL_SECONDS >= _LAST_LINES_SECONDS:
                    return self._end(trial_id)
        return None

    def _end(self, trial_id: TrialId) -> Ended:
        child = self._children.pop(trial_id)
        return Ended(trial_id, child.process.wait(), tuple(child.said))
