"""Losses as the published workloads define them: per example, masked, never regularized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras import ops

Tensor = Any


@dataclass(frozen=True)
class Loss:
    """Losses, already zero where masked, and the weight they count for.

    `per_example` is `(batch,)`, or `(batch, tasks)` where an example has labels for several tasks.
    `weights` is the scalar that the mean divides by: the sum of the mask, or the batch size.
    """

    per_example: Tensor
    weights: Tensor

    @property
    def summed(self) -> Tensor:
        """The sum over the batch, a scalar."""
        return ops.sum(self.per_example)

    @property
    def mean(self) -> Tensor:
        """The mean over valid examples, or labels, of the global batch, a scalar."""
        return self.summed / self.weights


def one_hot_targets(targets: Tensor, num_classes: int) -> Tensor:
    """Return soft labels `(batch, num_classes)`; integer labels `(batch,)` become one-hot.

    Soft labels are recognised by their rank. The reference recognises them by their last dimension
    and therefore misreads an integer batch of exactly `num_classes` examples; ours does not.
    """
    if len(targets.shape) == 1:
        return ops.one_hot(targets, num_classes, dtype="float32")
    return ops.cast(targets, "float32")


def softmax_cross_entropy(
    logits: Tensor, targets: Tensor, *, mask: Tensor | None = None, label_smoothing: Any = 0.0
) -> Loss:
    """Softmax cross-entropy of `logits` `(batch, classes)`.

    `targets` are class ids `(batch,)` or soft labels `(batch, classes)`; smoothing `a` replaces
    them by `(1 - a) * targets + a / classes`. `mask` is `(batch,)` with 1 for valid examples.
    Source: AlgoPerf 0.6, ImageNet and MNIST workloads; checked against their golden losses.
    """
    classes = logits.shape[-1]
    soft = one_hot_targets(targets, classes)
    soft = (1.0 - label_smoothing) * soft + label_smoothing / classes
    per_example = -ops.sum(soft * ops.log_softmax(logits, axis=-1), axis=-1)
    return masked(per_example, mask)


def sigmoid_cross_entropy(logits: Tensor, targets: Tensor, *, mask: Tensor | None = None) -> Loss:
    """Sigmoid cross-entropy of `logits` `(batch,)` or `(batch, 1)`.

    `targets` are numbers in [0, 1] of either shape; `mask` is `(batch,)` with 1 for valid examples.
    Source: AlgoPerf 0.6, `criteo1tb`, which ignores label smoothing; checked against its losses.
    """
    logits = ops.reshape(logits, (-1,))
    targets = ops.cast(ops.reshape(targets, (-1,)), logits.dtype)
    return masked(_binary_cross_entropy(logits, targets), mask)


def multitask_sigmoid_cross_entropy(
    logits: Tensor, targets: Tensor, *, mask: Tensor | None, label_smoothing: Any = 0.0
) -> Loss:
    """Sigmoid cross-entropy of `logits` `(batch, tasks)`, of which not every one has a label.

    `targets` are numbers in [0, 1] and `mask` is 1 where there is a label, both `(batch, tasks)`.
    Smoothing `a` replaces the targets by `(1 - a) * targets + a / tasks`, as published: towards
    1 / tasks and not 1 / 2. Source: AlgoPerf 0.6, `ogbg`; checked against its losses.

    Raises:
        ValueError: there is no mask.
    """
    if mask is None:
        raise ValueError(
            "This loss needs batch['weights'] (batch, tasks): 1 where there is a label, else 0."
        )
    targets = ops.cast(targets, logits.dtype)
    smooth = (1.0 - label_smoothing) * targets + label_smoothing / logits.shape[-1]
    return masked(_binary_cross_entropy(logits, smooth), mask)


def _binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    # Not softplus(x) - x y, where losses below the rounding error of x would be lost.
    return targets * ops.softplus(-logits) + (1.0 - targets) * ops.softplus(logits)


def mean_absolute_error(outputs: Tensor, targets: Tensor, *, mask: Tensor | None = None) -> Loss:
    """Mean absolute error of `outputs` `(batch, …)` over all axes but the first.

    `mask` is `(batch,)` with 1 for valid examples. Source: AlgoPerf 0.6, `fastmri`; checked against
    its losses.
    """
    difference = ops.abs(outputs - targets)
    return masked(ops.mean(difference, axis=tuple(range(1, len(difference.shape)))), mask)


def masked(per_example: Tensor, mask: Tensor | None) -> Loss:
    """Zero what `mask`, of the same shape, masks, and count the rest."""
    if mask is None:
        return Loss(per_example, ops.cast(ops.shape(per_example)[0], "float32"))
    mask = ops.cast(mask, per_example.dtype)
    return Loss(per_example * mask, ops.sum(mask))
