"""The median of paired speedups, with an interval that supposes nothing about their distribution.

Order statistics give it: with n pairs, the median lies between the k-th smallest and the k-th
largest ratio with the probability 1 - 2 P(B < k), where B counts heads of n fair coins. With 95%
that needs six pairs at least.

Source: Conover 1999, "Practical Nonparametric Statistics", section 3.2.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kit.scoring.bootstrap import LEVEL, Bounds


@dataclass(frozen=True)
class MedianSpeedup:
    """What the pairs of one workload say; None where nothing can be said."""

    pairs: int
    both_reached: int
    only_first_reached: int
    only_second_reached: int
    median: float | None  # second's time over first's
    interval: Bounds | None  # None with too few pairs that both reached


def median_speedup(pairs: Sequence[tuple[float, float]], *, level: float = LEVEL) -> MedianSpeedup:
    """Return the median of second's time over first's, of pairs in which both reached the target.

    Args:
        pairs: times of first and second, positive seconds; infinity for a miss.
        level: of the interval, which covers the median at least so often.
    """
    reached = [(math.isfinite(first), math.isfinite(second)) for first, second in pairs]
    ratios = sorted(
        second / first for (first, second), both in zip(pairs, reached, strict=True) if all(both)
    )
    outermost = _rank(len(ratios), level)
    return MedianSpeedup(
        pairs=len(pairs),
        both_reached=len(ratios),
        only_first_reached=reached.count((True, False)),
        only_second_reached=reached.count((False, True)),
        median=statistics.median(ratios) if ratios else None,
        interval=Bounds(ratios[outermost - 1], ratios[-outermost]) if outermost else None,
    )


def _rank(count: int, level: float) -> int:
    """Return the largest k whose interval covers the median with the given level; 0: none does."""
    rank, below = 0, 0.0
    while True:
        below += math.comb(count, rank) / 2.0**count  # P(B <= rank)
        if 1.0 - 2.0 * below < level:
            return rank
        rank += 1
