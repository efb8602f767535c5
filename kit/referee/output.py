"""What a trainer prints: drained as it comes, and bounded."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Protocol

_KEEP_BYTES = 1 << 20  # of the beginning and of the end of the output
_TAIL_LINES = 30


class Readable(Protocol):
    """A pipe or a connected socket, opened for reading."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Output:
    """Drains a pipe and keeps its beginning and end, so that a trainer cannot fill the disk."""

    def __init__(self, pipe: Readable) -> None:
        self._head, self._tail, self._dropped = bytearray(), bytearray(), 0
        self._pipe = pipe
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        with contextlib.closing(self._pipe):
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                room = _KEEP_BYTES - len(self._head)
                self._head += chunk[:room]
                self._tail += chunk[room:]
                excess = len(self._tail) - _KEEP_BYTES
                if excess > 0:
                    self._dropped += excess
                    del self._tail[:excess]

    def content(self) -> bytes:
        """Return what was printed so far; all of it once the last process is gone."""
        self._thread.join(timeout=5.0)  # the pipe ends with the last process that holds it
        note = f"\n[… {self._dropped} bytes left out …]\n".encode() if self._dropped else b""
        return bytes(self._head) + note + bytes(self._tail)


def tail(log: bytes) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.decode("utf-8", errors="replace").splitlines()[-_TAIL_LINES:])
