"""Text from outside, made safe to show: what a terminal or a reader could be misled by is escaped.

Escaped are control characters, terminal codes, characters without a glyph (U+202E and the others
that change direction), lone surrogates and, in a line, its ends. Nothing is left out, and escaping
twice is escaping once.
"""

from __future__ import annotations

import unicodedata


def escape_line(text: str) -> str:
    r"""Return `text` on one line: a newline is shown as `\n`."""
    if text.isprintable():
        return text
    return "".join(c if _is_safe(c) else _escaped(c) for c in text)


def escape_block(text: str) -> str:
    """Return `text` with its newlines and tabs."""
    return "".join(c if c in "\n\t" or _is_safe(c) else _escaped(c) for c in text)


def _is_safe(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
