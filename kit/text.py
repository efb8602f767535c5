"""Text from outside, made safe to show: what a terminal or a reader could be misled by is escaped.

Escaped are control characters, terminal codes, characters without a glyph (U+202E and the others
that change direction), lone surrogates and, in a line, its ends. Nothing is left out, and escaping
twice is escaping once.
"""

from __future__ import annotations

import re
import unicodedata

_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")
_NOT_PLAIN_IN_BLOCK = re.compile(r"[^\n\t\x20-\x7e]")


def escape_line(text: str) -> str:
    r"""Return `text` on one line: a newline is shown as `\n`."""
    return _NOT_PLAIN.sub(_escaped, text)


def escape_block(text: str) -> str:
    """Return `text` with its newlines and tabs."""
    return _NOT_PLAIN_IN_BLOCK.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
