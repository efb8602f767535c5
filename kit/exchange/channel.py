"""Lines over a Unix socket, of bounded length."""

from __future__ import annotations

import select
import socket
import time
from pathlib import Path

from pydantic import BaseModel

from kit.errors import RuleViolation
from kit.exchange.messages import MAX_MESSAGE_BYTES, encode


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One connected socket that carries lines of at most `MAX_MESSAGE_BYTES`."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setblocking(False)
        self._buffer = bytearray()

    def fileno(self) -> int:
        """Return the file descriptor, for `select`."""
        return self._socket.fileno()

    def send(self, message: BaseModel, *, timeout_seconds: float = 10.0) -> None:
        """Send one message.

        Raises:
            ChannelClosed: the other side is gone, or does not read.
        """
        pending = memoryview(encode(message))
        deadline = time.monotonic() + timeout_seconds
        while pending:
            try:
                pending = pending[self._socket.send(pending) :]
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([], [self._socket], [], left)[1]:
                    raise ChannelClosed("the other side does not read its messages") from None
            except OSError as error:
                raise ChannelClosed(str(error)) from None

    def receive_line(self, timeout_seconds: float | None) -> bytes | None:
        """Return the next line, or None when none came in time.

        Raises:
            RuleViolation: a line is longer than allowed.
            ChannelClosed: the other side is gone; lines that came before are returned first.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if len(line) > MAX_MESSAGE_BYTES:
                raise RuleViolation(
                    f"The trainer sent a message of more than {MAX_MESSAGE_BYTES} bytes."
                )
            if found:
                self._buffer = bytearray(rest)
                return bytes(line)
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            self._fill()

    def _fill(self) -> None:
        try:
            received = self._socket.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise ChannelClosed(str(error)) from None
        if not received:
            raise ChannelClosed("the connection was closed")
        self._buffer += received

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Listener:
    """A socket in the exchange directory that accepts one connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        path.chmod(0o666)  # the trainer may run under another uid; the directory is private
        self._socket.listen(1)

    def accept(self, timeout_seconds: float) -> Channel | None:
        """Return the connection of the trainer, or None when it did not come in time."""
        self._socket.settimeout(timeout_seconds)
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return None
        return Channel(connection)

    def close(self) -> None:
        """Stop listening and remove the socket, so that no second trainer can connect."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def connect(path: Path) -> Channel:
    """Connect to the referee."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))
    return Channel(connection)
