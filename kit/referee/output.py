"""What a trainer prints: drained as it comes, bounded, and escaped where it could mislead."""

from __future__ import annotations

import codecs
import contextlib
import os
import threading
from typing import Protocol

from kit.text import escape_block

_KEEP_BYTES = 1 << 20  # of the beginning and of the end of the output
_TAIL_LINES = 30
_TAIL_BYTES = 16 * 1024


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
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        with contextlib.closing(self._pipe):
            while chunk := os.read(self._pipe.fileno(), 1 << 16):
                self._keep(decoder.decode(chunk))
            self._keep(decoder.decode(b"", final=True))

    def _keep(self, text: str) -> None:
        shown = escape_block(text).encode()
        room = _KEEP_BYTES - len(self._head)
        self._head += shown[:room]
        self._tail += shown[room:]
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
    """Return the last lines of a log, or the end of them if they are long."""
    lines = b"\n".join(log.rstrip().split(b"\n")[-_TAIL_LINES:])
    return lines[-_TAIL_BYTES:].decode(errors="ignore")
