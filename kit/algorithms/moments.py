"""Moving averages of gradients and their bias correction."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

Tensor = Any


def ema(average: Tensor, value: Tensor, beta: float) -> Tensor:
    """Return `beta * average + (1 - beta) * value`."""
    return beta * average + (1.0 - beta) * value


def debias(average: Tensor, beta: float, count: Tensor) -> Tensor:
    """Divide a moving average that started at 0 by `1 - beta^count`; `count` values are in it.

    The divisor is `-expm1(count * ln beta)`: in float32 the plain form is off by 5e-5 of its value
    for beta = 0.999 at the first step.
    """
    log_beta = math.log(beta) if beta > 0.0 else -math.inf
    return average / -ops.expm1(ops.cast(count, "float32") * log_beta)
