"""Bounding the size of a gradient."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kit.algorithms.leaves import Tree, map_leaves

Tensor = Any

EPSILON = 1e-6  # added to the norm, AlgoPerf `_GRAD_CLIP_EPS`


def global_norm(tree: Tree) -> Tensor:
    """Return the Euclidean norm of all leaves taken as one vector."""
    return ops.sqrt(sum(ops.sum(ops.square(leaf)) for leaf in keras.tree.flatten(tree)))


def clip_by_global_norm(gradients: Tree, max_norm: float) -> Tree:
    """Scale gradients by `min(1, max_norm / (norm + 1e-6))`. Source: AlgoPerf NAdamW train step."""
    factor = ops.minimum(1.0, max_norm / (global_norm(gradients) + EPSILON))
    return map_leaves(lambda gradient: gradient * factor, gradients)
