"""Split a data set so that every part has the same mixture of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def stratified_split(labels: np.ndarray, sizes: Sequence[int], *, seed: int) -> list[np.ndarray]:
    """Return one sorted array of example indices for each of `sizes`, disjoint.

    Every label has the same share in each part as in `labels`; sizes must divide accordingly. The
    draw is from `RandomState`, whose stream is frozen (NumPy NEP 19), so it is the same for ever.
    """
    draw = np.random.RandomState(seed)
    parts: list[list[np.ndarray]] = [[] for _ in sizes]
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        shares = [size * len(members) / len(labels) for size in sizes]
        if any(share != int(share) for share in shares):
            raise ValueError(f"Sizes {list(sizes)} do not divide by the share of label {label}.")
        ends = np.cumsum(shares).astype(int)
        for part, start, end in zip(parts, [0, *ends[:-1]], ends, strict=True):
            part.append(members[start:end])
    return [np.sort(np.concatenate(part)) for part in parts]
