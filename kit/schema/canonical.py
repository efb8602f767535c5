"""Canonical JSON: one value, one byte string, so no byte of evidence changes unseen."""

from __future__ import annotations

import json
from typing import Any


def encode(value: Any) -> bytes:
    """Return JSON with sorted keys, without spaces, in ASCII.

    Raises:
        ValueError: the value holds a float (its text differs between languages) or is not JSON.
    """
    _refuse_floats(value)
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from None
    return text.encode("ascii")


def decode(data: bytes) -> Any:
    """Parse canonical JSON.

    Raises:
        ValueError: `data` is not JSON, or not exactly what `encode` writes for it.
    """
    try:
        value = json.loads(data)
        is_canonical = encode(value) == data
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not is_canonical:
        raise ValueError("not in canonical form (sorted keys, no spaces, ASCII)")
    return value


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError(f"a number with a fraction is not allowed here: {value!r}")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"a key must be text: {key!r}")
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
