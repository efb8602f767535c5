"""Moving averages and their bias correction, of a tensor or of all leaves of a pytree."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from kit.algorithms.leaves import Tree, map_leaves

Tensor = Any


def ema(average: Tree, value: Tree, beta: Any) -> Tree:
    """Return `beta * average + (1 - beta) * value`."""
    return map_leaves(lambda a, x: beta * a + (1.0 - beta) * x, average, value)


def debias(average: Tree, beta: float, count: Tensor) -> Tree:
    """Divide a moving average that started at 0 by `1 - beta^count`; `count` values are in it.

    The divisor is `-expm1(count * ln beta)`: in float32 the plain form is off by 5e-5 of its value
    for beta = 0.999 at the first step.
    """
    log_beta = math.log(beta) if beta > 0.0 else -math.inf
    divisor = -ops.expm1(ops.cast(count, "float32") * log_beta)
    return map_leaves(lambda a: a / divisor, average)
