"""RandAugment: a few operations in a row, each drawn from sixteen, at full strength.

Source: Cubuk et al. 2020 (arXiv:1909.13719) in the form of AlgoPerf `imagenet_vit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from workloads.imagenet_vit import image_operations as images

Tensor = Any
Operation = Callable[[Tensor, Tensor], Tensor]  # of a uint8 image and an rng


def _plain(operation: Callable[[Tensor], Tensor]) -> Operation:
    return lambda image, rng: operation(image)


def _either_way(operation: Callable[[Tensor, Any], Tensor], amount: float) -> Operation:
    """Turn the direction around with probability 1/2."""

    def apply(image: Tensor, rng: Tensor) -> Tensor:
        sign = tf.where(tf.random.stateless_uniform([], rng) < 0.5, 1.0, -1.0)
        return operation(image, sign * amount)

    return apply


OPERATIONS: tuple[Operation, ...] = (
    _plain(images.auto_contrast),
    _plain(images.equalize),
    _plain(images.invert),
    _either_way(images.rotate, images.DEGREES),
    _plain(images.posterize),
    _plain(images.solarize),
    _plain(images.color),
    _plain(images.contrast),
    _plain(images.brightness),
    _plain(images.sharpness),
    _either_way(images.shear_x, images.SHEAR),
    _either_way(images.shear_y, images.SHEAR),
    _either_way(images.translate_x, images.TRANSLATE_PIXELS),
    _either_way(images.translate_y, images.TRANSLATE_PIXELS),
    images.cutout,
    _plain(images.solarize_add),
)


def rand_augment(image: Tensor, rng: Tensor, *, layers: int) -> Tensor:
    """Apply `layers` operations; each is drawn uniformly and always applied.

    The published code also draws a probability for each operation and never uses it.
    """
    for layer_rng in tf.unstack(tf.random.experimental.stateless_split(rng, layers)):
        rngs = tf.random.experimental.stateless_split(layer_rng, 2)
        choice = tf.random.stateless_uniform([], rngs[0], 0, len(OPERATIONS), dtype=tf.int32)
        branches = [_branch(operation, image, rngs[1]) for operation in OPERATIONS]
        image = tf.ensure_shape(tf.switch_case(choice, branches), image.shape)
    return image


def _branch(operation: Operation, image: Tensor, rng: Tensor) -> Callable[[], Tensor]:
    return lambda: operation(image, rng)
