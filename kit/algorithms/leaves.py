"""Working on pytrees of tensors: a tensor, or lists and dicts of them, as deep as they like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

Tensor = Any
Tree = Any


def map_leaves(rule: Callable[..., Any], tree: Tree, *others: Tree) -> Any:
    """Apply `rule` to each leaf of `tree` and to what the other trees have in its place.

    Returns a tree like `tree` or, if the rule returns a tuple, a tuple of such trees. The others
    may go deeper: the rule then gets a list or dict for a leaf, and may return one.

    Raises:
        ValueError: the other trees lack a place that `tree` has.
    """
    results: list[Any] = []
    keras.tree.map_structure_up_to(
        tree, lambda *leaves: results.append(rule(*leaves)), tree, *others
    )
    if not results or not isinstance(results[0], tuple):
        return keras.tree.pack_sequence_as(tree, results)
    columns = zip(*results, strict=True)
    return tuple(keras.tree.pack_sequence_as(tree, list(column)) for column in columns)


def zeros_like(tree: Tree) -> Tree:
    """Return zeros of the same shapes: the usual start of a moment."""
    return map_leaves(ops.zeros_like, tree)


def descend(
    params: Tree, directions: Tree, learning_rate: Tensor, weight_decay: float = 0.0
) -> Tree:
    """Return `p - learning_rate * (u + weight_decay * p)`: a step with decoupled weight decay."""
    return map_leaves(
        lambda p, u: p - learning_rate * (u + weight_decay * p if weight_decay else u),
        params,
        directions,
    )
