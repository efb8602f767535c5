"""Inputs for parsers: valid seeds, changed byte by byte or value by value."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

TOKENS = [
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J", b"\r", b"\n", b"\t", b" "),
    *(
        b'"',
        b"'",
        b"\\",
        b"\\ud800",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"- ",
        b"#",
        b"&a ",
        b"*a",
    ),
    *(b"!!python/object:x ", b"<<: ", b"? ", b"|", b">", b"---\n", b"[" * 300, b"{a: " * 30),
    *(b"-1", b"0", b"1e400", b"9" * 400, b"NaN", b"Infinity", b"-0.0", b".inf", b"0x7f", b"null"),
    *(b"true", b"1_0", "٣".encode(), b"--hash=sha256:", b"==", b"; ", b"https://x", b"../", b"/"),
]
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308, 1e-320),
    *(float("nan"), float("inf"), float("-inf"), "", "x", "nan", "inf", "1", "\ud800", "\u202e"),
    *("\n", "\x00", "x" * 5000, "../x", "/etc", "é", [], {}, [[]], [None], {"": None}, {"x": {}}),
]


def changed(draw: random.Random, seed: bytes, others: list[bytes]) -> bytes:
    """Return `seed` with one to eight changes of bytes."""
    data = bytearray(seed)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        at = draw.randrange(len(data) + 1)
        length = draw.choice((1, 1, 2, 4, 16, 64))
        match draw.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << draw.randrange(8)
            case 1:
                data[at:at] = draw.choice(TOKENS)
            case 2:
                del data[at : at + length]
            case 3:
                data[at : at + length] = draw.choice(TOKENS)
            case 4:
                data[at:at] = data[at : at + length * draw.choice((1, 1, 8))]
            case 5:
                other = draw.choice(others)
                begin = draw.randrange(len(other) + 1)
                data[at:at] = other[begin : begin + length]
            case _:
                del data[at:]
                break
    return bytes(data)


def restructured(draw: random.Random, content: Any) -> Any:
    """Return a copy of JSON-like content with one to three values changed, removed or added."""
    root = [copy.deepcopy(content)]
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        parent: Any = root
        while True:  # go down to any depth
            keys = list(parent) if isinstance(parent, dict) else range(len(parent))
            if not keys:
                break
            key = draw.choice(keys)
            if isinstance(parent[key], dict | list) and parent[key] and draw.random() < 0.8:
                parent = parent[key]
                continue
            _change(draw, parent, key, root)
            break
    return root[0] if root else None


def _change(draw: random.Random, parent: Any, key: Any, root: list[Any]) -> None:
    kind = draw.randrange(6)
    if kind == 0 and parent is not root:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[draw.choice((*map(str, parent), "x", "", "\ud800"))] = draw.choice(VALUES)
    elif kind == 2 and isinstance(parent, dict):
        parent[f"{key}{draw.choice('sx_')}"] = parent.pop(key)
    elif kind == 3 and isinstance(parent, list) and parent is not root:
        parent.append(copy.deepcopy(parent[key]))
    elif kind == 4 and isinstance(parent[key], int):
        parent[key] = parent[key] * draw.choice((-1, 2, 1000, 10**20))
    elif kind == 5 and isinstance(parent[key], str):
        parent[key] = changed(draw, parent[key].encode(errors="replace"), [b"x"]).decode(
            errors=draw.choice(("replace", "surrogateescape"))
        )
    else:
        parent[key] = copy.deepcopy(draw.choice(VALUES))


def as_json(content: Any) -> bytes:
    """Return content as JSON, whatever it holds; NaN and lone surrogates too."""
    return json.dumps(content, separators=(",", ":")).encode()
