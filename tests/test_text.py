from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.text import escape_block, escape_line

ANY = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain é ü 漢字 😀", "plain é ü 漢字 😀"),
        ("no\xa0break", "no\xa0break"),
        ("back\\slash", "back\\slash"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[2J\x07\x00\x7f\x9b", "\\x1b[2J\\x07\\x00\\x7f\\x9b"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("\u2066\u200b\ufeff\u2028\u2029", "\\u2066\\u200b\\ufeff\\u2028\\u2029"),
        ("\ud800 \U000e0041", "\\ud800 \\U000e0041"),
    ],
)
def test_what_misleads_is_escaped_and_nothing_else(text: str, line: str) -> None:
    assert escape_line(text) == line


def test_a_block_keeps_its_lines() -> None:
    assert escape_block("a\n\tb\r\n\x0c\u202e") == "a\n\tb\\r\n\\x0c\\u202e"


@given(ANY)
def test_the_result_can_be_shown_and_encoded_and_escaping_twice_is_escaping_once(text: str) -> None:
    line, block = escape_line(text), escape_block(text)
    assert len(line.splitlines()) <= 1
    assert "\u202e" not in block
    assert all(part.encode() is not None for part in (line, block))
    assert (escape_line(line), escape_block(block)) == (line, block)
