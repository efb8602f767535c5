"""Schedules: functions from the step, an int32 scalar counted from 0, to a float32 scalar.

The named ones are the schedules of the AlgoPerf baselines, the others what those are made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any
Schedule = Callable[[Tensor], Tensor]


def constant(value: float) -> Schedule:
    """Return the schedule that is `value` at every step."""
    return lambda step: ops.convert_to_tensor(value, "float32")


def linear(start: float, end: float, steps: int) -> Schedule:
    """Go from `start` to `end` in `steps` steps and stay there."""
    return lambda step: start + (end - start) * _progress(step, steps)


def half_cosine(peak: float, steps: int) -> Schedule:
    """Fall from `peak` to 0 along half a cosine in `steps` steps and stay at 0."""
    return lambda step: 0.5 * peak * (1.0 + ops.cos(math.pi * _progress(step, steps)))


def joined(first: Schedule, then: Schedule, at_step: int) -> Schedule:
    """Follow `first` before `at_step`, and from there on `then`, which counts from 0 again."""
    return lambda step: ops.where(step < at_step, first(step), then(step - at_step))


def warmup_cosine(peak: float, warmup_steps: int, total_steps: int) -> Schedule:
    """Rise linearly from 0 to `peak`, then fall to 0 at `total_steps` along half a cosine.

    With a warm-up the first update has rate 0: it moves the moments only. Source: AlgoPerf JAX
    baselines, `tests/golden/optimizers/README.md`.
    """
    fall = half_cosine(peak, max(total_steps - warmup_steps, 1))
    return joined(linear(0.0, peak, warmup_steps), fall, warmup_steps)


def warmup_linear(
    peak: float, warmup_steps: int, decay_steps: int, *, end_factor: float
) -> Schedule:
    """Rise linearly from 0 to `peak`, fall linearly to `peak * end_factor`, then stay.

    Source: AlgoPerf JAX baselines nesterov and momentum, `tests/golden/optimizers/README.md`.
    """
    fall = linear(peak, peak * end_factor, decay_steps)
    return joined(linear(0.0, peak, warmup_steps), fall, warmup_steps)


def _progress(step: Tensor, steps: int) -> Tensor:
    """Return how much of `steps` is done, at most 1."""
    return ops.minimum(ops.cast(step, "float32") / max(steps, 1), 1.0)
