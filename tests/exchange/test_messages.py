"""Nothing that the trainer sends is trusted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.errors import RuleViolation
from kit.exchange.messages import (
    MAX_MESSAGE_BYTES,
    Complete,
    Failed,
    Go,
    Ready,
    Report,
    Resume,
    Weights,
    encode,
    parse_from_referee,
    parse_from_trainer,
)


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        Weights(step=1, size_bytes=100),
        Complete(step=7, size_bytes=3, report=Report(compile_seconds=1.5, xla={"update": True})),
        Failed(step=0, traceback="Traceback …\nValueError: x"),
    ],
)
def test_a_message_survives_the_way(message: Ready | Weights | Complete | Failed) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert parse_from_trainer(line[:-1]) == message


def test_the_referees_messages_survive_the_way() -> None:
    for message in (Go(), Resume(step=3, submission_seconds=1.0, metrics={"train/loss": None})):
        assert parse_from_referee(encode(message)[:-1]) == message


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b"garbage", "message"),
        (b"[]", "message"),
        (b'{"type": "weights"}', "step"),
        (b'{"type": "weights", "step": -1, "size_bytes": 1}', "step"),
        (b'{"type": "weights", "step": 1.5, "size_bytes": 1}', "step"),
        (b'{"type": "weights", "step": "1", "size_bytes": 1}', "step"),
        (b'{"type": "weights", "step": 1, "size_bytes": 1, "score": 1}', "score"),
        (b'{"type": "go"}', "'go'"),
        (
            b'{"type": "weights", "step": 1, "size_bytes": 1, "report": {"compile_seconds": NaN}}',
            "compile",
        ),
        (b"\xff\xfe", "message"),
        (b'{"type": "weights", "step": 99999999999999999999999, "size_bytes": 1}', "step"),
        (b"[" * 5000, "message"),
    ],
)
def test_what_is_not_of_the_protocol_is_a_violation(line: bytes, named: str) -> None:
    with pytest.raises(RuleViolation, match="not of the protocol") as caught:
        parse_from_trainer(line)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_no_json_carries_and_what_misleads_is_escaped_where_it_enters() -> None:
    sent = Failed(step=0, traceback="ValueError: \ud800\u202e\x1b[2J\r\x85é\n")
    said = "ValueError: \\ud800\\u202e\\x1b[2J\\r\\x85é\n"
    assert sent.traceback == said
    assert parse_from_trainer(encode(sent)[:-1]) == sent
    forged = b'{"type": "failed", "step": 0, "traceback": "\xe2\x80\xae\\u001b[2J"}'
    assert parse_from_trainer(forged).traceback == "\\u202e\\x1b[2J"
    report = (
        b'{"type": "weights", "step": 1, "size_bytes": 1, "report": {"xla": {"\\u202e": true}}}'
    )
    assert parse_from_trainer(report).report.xla == {"\\u202e": True}


@pytest.mark.parametrize("text", ["\U0001f600", '"', "\\", "\ud800", "\n", "\x00", "x"])
def test_the_end_of_a_long_traceback_fits_into_a_message(text: str) -> None:
    line = encode(Failed(step=0, traceback=text * 100_000 + "the end"))
    assert len(line) <= MAX_MESSAGE_BYTES
    assert parse_from_trainer(line[:-1]).traceback.endswith("the end")


@pytest.mark.parametrize("key", ["\u202e", "\n" * 30_000, "score"])
def test_a_violation_quotes_little_and_on_one_line(key: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        parse_from_trainer(json.dumps({"type": "ready", key: 1}, ensure_ascii=False).encode())
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_parser(line: bytes) -> None:
    try:
        parse_from_trainer(line)
    except RuleViolation:
        return
    assert json.loads(line)["type"] in ("ready", "weights", "complete", "failed")
