"""A launched trainer: its process, its output, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import IO

from kit.referee.isolation import Launch
from kit.referee.processes import ProcessTree, become_subreaper

_KEEP_BYTES = 1 << 20  # of the beginning and of the end of the output
_TAIL_LINES = 30


class _Output:
    """Drains a pipe and keeps its beginning and end, so that a trainer cannot fill the disk."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._head, self._tail, self._dropped = bytearray(), bytearray(), 0
        self._pipe = pipe
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                room = _KEEP_BYTES - len(self._head)
                self._head += chunk[:room]
                self._tail += chunk[room:]
                excess = len(self._tail) - _KEEP_BYTES
                if excess > 0:
                    self._dropped += excess
                    del self._tail[:excess]

    def content(self) -> bytes:
        self._thread.join(timeout=5.0)  # the pipe ends with the last process that holds it
        note = f"\n[… {self._dropped} bytes left out …]\n".encode() if self._dropped else b""
        return bytes(self._head) + note + bytes(self._tail)


class TrainerProcess:
    """The process tree of one trainer and what it prints."""

    def __init__(self, launch: Launch) -> None:
        become_subreaper()
        self._process = subprocess.Popen(
            launch.command,
            env=launch.environment,
            cwd=launch.working_directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for the referee alone
        )
        _prefer_for_oom_killer(self._process.pid)
        assert self._process.stdout is not None
        self._output = _Output(self._process.stdout)
        self.tree = ProcessTree(self._process.pid)

    def is_alive(self) -> bool:
        """Tell whether the launched process still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the whole tree and collect the exit status."""
        self.tree.kill()
        self._process.wait(timeout=10)

    def exit_status(self, timeout_seconds: float = 5.0) -> str | None:
        """Say how the process ended; None while it runs on."""
        try:
            code = self._process.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        number = -code if code < 0 else code - 128
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"exit status {code}"

    def log(self) -> bytes:
        """Return what the trainer printed, its middle left out when it is long."""
        return self._output.content()

    def log_tail(self) -> str:
        """Return the last lines of the output."""
        text = self.log().decode("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _prefer_for_oom_killer(pid: int) -> None:
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        return  # the process is gone already; its end is noticed elsewhere
