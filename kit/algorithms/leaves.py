"""Working leaf by leaf on flat lists of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

Tensor = Any


def zeros_like(tensors: list[Tensor]) -> list[Tensor]:
    """Return zeros of the same shapes: the usual start of a moment."""
    return [ops.zeros_like(tensor) for tensor in tensors]


def map_leaves(
    rule: Callable[..., tuple[Tensor, ...]], *lists: list[Tensor]
) -> tuple[list[Tensor], ...]:
    """Apply `rule` to the leaves at each position of `lists`; one list for each of its results."""
    results = [rule(*leaves) for leaves in zip(*lists, strict=True)]
    return tuple(list(column) for column in zip(*results, strict=True))


def descend(
    params: list[Tensor],
    directions: list[Tensor],
    learning_rate: Tensor,
    weight_decay: float = 0.0,
) -> list[Tensor]:
    """Return `p - learning_rate * (u + weight_decay * p)`: a step with decoupled weight decay."""
    if weight_decay:
        directions = [u + weight_decay * p for u, p in zip(directions, params, strict=True)]
    return [p - learning_rate * u for p, u in zip(params, directions, strict=True)]
