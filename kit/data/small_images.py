"""Fashion-MNIST as batches: normalised, and in training shifted and flipped."""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from kit.contracts import Reading, WorkloadConfig
from kit.data.pipeline import evaluation_batches, training_batches
from kit.data.prepared import load_arrays

Tensor = Any
Batch = dict[str, Tensor]

FASHION_MEAN = 72.8856  # over all pixels of the 55,000 training images
FASHION_STANDARD_DEVIATION = 89.9842


def fashion_mnist_batches(
    config: WorkloadConfig, reading: Reading, *, shift_pixels: int
) -> tf.data.Dataset:
    """Read prepared data; training images are shifted by up to `shift_pixels` and flipped."""
    arrays = load_arrays(config.name, config.scale, reading.split)
    if reading.is_training:
        augment = partial(augment_small, shift_pixels=shift_pixels)
        return training_batches(arrays, reading, transform=augment)
    return evaluation_batches(arrays, reading.batch_size, transform=normalize_small)


def normalize_small(batch: Batch) -> Batch:
    """Turn uint8 images into inputs of mean 0 and variance 1."""
    inputs = tf.cast(batch["inputs"], tf.float32)
    return {**batch, "inputs": (inputs - FASHION_MEAN) / FASHION_STANDARD_DEVIATION}


def augment_small(batch: Batch, rng: Tensor, *, shift_pixels: int) -> Batch:
    """Shift every image by its own random offset, black coming in, flip half of them, normalise."""
    images = batch["inputs"]  # (batch, height, width, channels)
    count, size = tf.shape(images)[0], images.shape[1]
    rngs = tf.random.experimental.stateless_split(rng, 2)
    offsets = tf.random.stateless_uniform(
        [count, 2, 1], rngs[0], 0, 2 * shift_pixels + 1, dtype=tf.int32
    )
    windows = offsets + tf.range(size)  # (batch, 2, size)
    border = [shift_pixels, shift_pixels]
    padded = tf.pad(images, [[0, 0], border, border, [0, 0]])
    rows = tf.gather(padded, windows[:, 0], axis=1, batch_dims=1)
    shifted = tf.gather(rows, windows[:, 1], axis=2, batch_dims=1)
    flip = tf.random.stateless_uniform([count, 1, 1, 1], rngs[1]) < 0.5
    inputs = tf.ensure_shape(tf.where(flip, shifted[:, :, ::-1], shifted), images.shape)
    return normalize_small({**batch, "inputs": inputs})
