"""ImageNet with RandAugment and mixup, and Fashion-MNIST for the mini scale.

Source: AlgoPerf `imagenet_vit`; mixup is from Zhang et al. 2018 (arXiv:1710.09412).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from kit.contracts import Reading, WorkloadConfig
from kit.data.imagenet import Augmentation, imagenet_batches
from kit.data.small_images import fashion_mnist_batches
from workloads.imagenet_vit.rand_augment import rand_augment

Tensor = Any
Batch = dict[str, Tensor]


def imagenet(
    config: WorkloadConfig,
    reading: Reading,
    *,
    rand_augment_layers: int,
    mixup_alpha: float,
    image_size: int = 224,
    num_classes: int = 1000,
) -> tf.data.Dataset:
    """Read ImageNet; 0 layers and an alpha of 0 switch either augmentation off."""
    augmentation = Augmentation(
        image=partial(rand_augment, layers=rand_augment_layers) if rand_augment_layers else None,
        batch=partial(mixup, alpha=mixup_alpha, num_classes=num_classes) if mixup_alpha else None,
    )
    return imagenet_batches(config, reading, image_size=image_size, augmentation=augmentation)


def mixup(batch: Batch, rng: Tensor, *, alpha: float, num_classes: int) -> Batch:
    """Mix every example with the one before it, all with one weight from Beta(alpha, alpha)."""
    gamma = tf.random.stateless_gamma([2], rng, alpha)
    weight = gamma[0] / (gamma[0] + gamma[1])

    def mix(values: Tensor) -> Tensor:
        return weight * values + (1.0 - weight) * tf.roll(values, 1, axis=0)

    one_hot = tf.one_hot(batch["targets"], num_classes)
    return {**batch, "inputs": mix(batch["inputs"]), "targets": mix(one_hot)}


# Batches: inputs `(batch, height, width, channels)`, targets `(batch,)`, mixed `(batch, classes)`.
READERS = {"full": imagenet, "mini": fashion_mnist_batches}
