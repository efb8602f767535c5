"""The idx format of the MNIST family: a magic number, the shape, then unsigned bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> np.ndarray:
    """Read an uncompressed idx file of unsigned bytes.

    Source: the description at the MNIST page (LeCun, Cortes, Burges).

    Raises:
        ValueError: not such a file.
    """
    content = path.read_bytes()
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise ValueError(f"{path}: not an idx file of unsigned bytes.")
    rank = content[3]
    shape = tuple(np.frombuffer(content, ">u4", count=rank, offset=4).tolist())
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
