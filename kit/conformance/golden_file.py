"""The arrays of a golden model file, and what it says about itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kit.conformance.npz import read_npz
from kit.errors import InvalidFile


@dataclass(frozen=True)
class GoldenFile:
    """The arrays of a golden file by key, and its `meta`."""

    path: Path
    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]

    def below(self, prefix: str) -> dict[str, np.ndarray]:
        """Return the arrays under `prefix/`, by the rest of their keys."""
        start = f"{prefix}/"
        return {k.removeprefix(start): v for k, v in self.arrays.items() if k.startswith(start)}

    def required(self, key: str) -> np.ndarray:
        """Return one array.

        Raises:
            InvalidFile: there is none under this key.
        """
        if key not in self.arrays:
            raise InvalidFile(f"{self.path}: the array {key!r} is missing. Get the file again.")
        return self.arrays[key]


def read_golden(path: Path) -> GoldenFile:
    """Read every array of `path` and its `meta`.

    Raises:
        InvalidFile: it is no such file, or damaged.
    """
    arrays = read_npz(path)
    return GoldenFile(path, arrays, _meta(path, arrays))


def _meta(path: Path, arrays: Mapping[str, np.ndarray]) -> Mapping[str, Any]:
    try:
        meta = json.loads(str(arrays["meta"]))
    except KeyError:
        raise InvalidFile(f"{path}: the array 'meta' is missing. Get the file again.") from None
    except ValueError:
        raise InvalidFile(f"{path}: 'meta' is not JSON. Get the file again.") from None
    if not isinstance(meta, dict):
        raise InvalidFile(f"{path}: 'meta' must be a JSON object. Get the file again.")
    return meta
