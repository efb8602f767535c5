"""When a running trial will reach its target, as far as its recent evaluations tell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RECENT_EVALUATIONS = 5
FEWEST_EVALUATIONS = 3


def seconds_to_target(
    points: Sequence[tuple[float, float]], target: float, *, higher_is_better: bool
) -> float | None:
    """Estimate the submission seconds from the last evaluation until the target is reached.

    Metrics move fast at first and slowly later, about with the logarithm of time: a line through
    the recent evaluations over log time is drawn on to the target.

    Args:
        points: (submission seconds, validation metric) of all evaluations so far, in order.

    Returns:
        None when there are too few points, or the recent trend does not lead to the target.
    """
    finite = [(t, m) for t, m in points if t > 0 and math.isfinite(m)][-RECENT_EVALUATIONS:]
    if len(finite) < FEWEST_EVALUATIONS:
        return None
    log_time = np.log([t for t, _ in finite])
    sign = 1.0 if higher_is_better else -1.0
    values = sign * np.array([m for _, m in finite])
    spread = log_time - log_time.mean()
    variance = float(spread @ spread)
    if variance < 1e-12:
        return None
    slope = float(spread @ (values - values.mean())) / variance
    if slope <= 0:
        return None
    log_arrival = float(log_time[-1]) + max(0.0, sign * target - float(values[-1])) / slope
    if log_arrival > math.log(1e9):
        return None
    return max(0.0, math.exp(log_arrival) - finite[-1][0])
