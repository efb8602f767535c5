"""ImageNet, and Fashion-MNIST for the mini scale, as normalised batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.contracts import Reading, WorkloadConfig
from kit.data.imagenet import imagenet_batches
from kit.data.small_images import fashion_mnist_batches

if TYPE_CHECKING:
    import tensorflow as tf


def dataset(config: WorkloadConfig, reading: Reading) -> tf.data.Dataset:
    """Return batches: inputs `(batch, height, width, channels)`, targets `(batch,)`."""
    read = {"full": imagenet_batches, "mini": fashion_mnist_batches}[config.scale]
    return read(config, reading, **config.data)
