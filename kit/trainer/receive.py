"""Wait for the message that the protocol says comes next."""

from __future__ import annotations

from typing import TypeVar

from kit.exchange.channel import Channel
from kit.exchange.messages import Go, Initial, Resume, Setup, parse_from_referee

_M = TypeVar("_M", Setup, Initial, Go, Resume)


def receive(channel: Channel, expected: type[_M]) -> _M:
    """Return the next message of the referee, which must be an `expected`."""
    message = parse_from_referee(channel.receive_line(None) or b"")
    if not isinstance(message, expected):
        raise TypeError(f"The referee sent {message.type} where {expected.__name__} was due.")
    return message
