"""Operations of layers that a backend may do in a faster way of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from keras import ops

Tensor = Any


def normalize_with_batch_statistics(
    x: Tensor, scale: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return `x` normalised over all axes but the last, the mean, and the biased variance.

    The variance is `max(0, E[x^2] - E[x]^2)`.
    """
    axes = list(range(len(x.shape) - 1))
    mean = ops.mean(x, axis=axes)
    variance = ops.maximum(ops.mean(ops.square(x), axis=axes) - ops.square(mean), 0.0)
    factor = scale * ops.rsqrt(variance + epsilon)
    return x * factor + (bias - mean * factor), mean, variance


def normalize_each_example(x: Tensor, epsilon: float) -> Tensor:
    """Return `x` `(batch, height, width, channels)` normalised over height and width.

    The variance is `max(0, E[x^2] - E[x]^2)`.
    """
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    square = ops.mean(ops.square(x), axis=(1, 2), keepdims=True)
    factor = ops.rsqrt(ops.maximum(square - ops.square(mean), 0.0) + epsilon)
    return x * factor - mean * factor


@dataclass(frozen=True)
class Kernels:
    """One function for each operation, with the arguments of the one that stands here."""

    batch_normalization: Callable[..., tuple[Tensor, Tensor, Tensor]] = (
        normalize_with_batch_statistics
    )
    instance_normalization: Callable[..., Tensor] = normalize_each_example


PORTABLE = Kernels()
_kernels: ContextVar[Kernels] = ContextVar("kernels", default=PORTABLE)


def current_kernels() -> Kernels:
    """Return the kernels for a layer that is being built; by default those of `keras.ops`."""
    return _kernels.get()


@contextlib.contextmanager
def build_with(kernels: Kernels) -> Iterator[None]:
    """Give `kernels` to the layers that the enclosed code builds."""
    token = _kernels.set(kernels)
    try:
        yield
    finally:
        _kernels.reset(token)
