"""Bounding the size of a gradient."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any

EPSILON = 1e-6  # added to the norm, AlgoPerf `_GRAD_CLIP_EPS`


def global_norm(tensors: list[Tensor]) -> Tensor:
    """Return the Euclidean norm of all tensors taken as one vector."""
    return ops.sqrt(sum(ops.sum(ops.square(tensor)) for tensor in tensors))


def clip_by_global_norm(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    """Scale gradients by `min(1, max_norm / (norm + 1e-6))`. Source: AlgoPerf NAdamW train step."""
    factor = ops.minimum(1.0, max_norm / (global_norm(gradients) + EPSILON))
    return [gradient * factor for gradient in gradients]
