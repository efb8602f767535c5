from __future__ import annotations

import os

from kit.referee.output import _KEEP_BYTES, Output, tail


def printed(content: bytes) -> bytes:
    reading, writing = os.pipe()
    output = Output(os.fdopen(reading, "rb", buffering=0))
    with os.fdopen(writing, "wb") as file:
        file.write(content)
    return output.content()


def test_what_a_trainer_prints_cannot_mislead_a_terminal() -> None:
    assert printed("é\n\x1b[2J\u202e\r\n".encode() + b"\xff\xe2\x80") == (
        "é\n\\x1b[2J\\u202e\\r\n\\xff\\xe2\\x80".encode()
    )


def test_the_middle_of_much_output_is_left_out_and_counted() -> None:
    log = printed(b"begin" + b"\x00" * (1 << 20) + b"end")
    dropped = 4 * (1 << 20) + 8 - 2 * _KEEP_BYTES
    assert log.startswith(b"begin")
    assert log.endswith(b"end")
    assert f"[… {dropped} bytes left out …]".encode() in log


def test_a_tail_is_the_last_lines_and_bounded() -> None:
    assert tail(b"".join(b"%d\n" % number for number in range(100))) == "\n".join(
        map(str, range(70, 100))
    )
    assert len(tail("é".encode() * 100_000)) <= 16 * 1024
