"""Lines over a socket: bounded, whole, and an end that is noticed."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from kit.errors import RuleViolation
from kit.exchange.channel import Channel, ChannelClosed
from kit.exchange.messages import MAX_MESSAGE_BYTES, Go, Ready, encode


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


def test_lines_arrive_whole_and_in_order(pair: tuple[Channel, socket.socket]) -> None:
    channel, other = pair
    line = encode(Ready())
    other.sendall(line[:5])
    assert channel.receive_line(0.01) is None
    other.sendall(line[5:] + b"second\nthi")
    assert channel.receive_line(1) == line[:-1]
    assert channel.receive_line(1) == b"second"
    assert channel.receive_line(0.01) is None


def test_lines_before_the_end_are_delivered_then_the_end(
    pair: tuple[Channel, socket.socket],
) -> None:
    channel, other = pair
    other.sendall(b"last\n")
    other.close()
    assert channel.receive_line(1) == b"last"
    with pytest.raises(ChannelClosed):
        channel.receive_line(1)
    with pytest.raises(ChannelClosed):
        channel.send(Go())


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_an_oversized_message_is_a_violation(
    pair: tuple[Channel, socket.socket], end: bytes
) -> None:
    channel, other = pair
    other.setblocking(False)
    sent = 0
    with pytest.raises(RuleViolation, match=f"more than {MAX_MESSAGE_BYTES} bytes"):
        for _ in range(100):
            with contextlib.suppress(BlockingIOError):
                sent += other.send(b"x" * 10_000 + (end if sent > MAX_MESSAGE_BYTES else b""))
            channel.receive_line(0)


def test_a_peer_that_does_not_read_cannot_block_the_referee(
    pair: tuple[Channel, socket.socket],
) -> None:
    channel, _ = pair
    with pytest.raises(ChannelClosed, match="does not read"):
        for _ in range(100_000):
            channel.send(Go(), timeout_seconds=0.01)
