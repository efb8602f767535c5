"""MNIST digits as normalised batches."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kit.contracts import Reading, WorkloadConfig
from kit.data import load_arrays
from kit.data.pipeline import evaluation_batches, training_batches

Tensor = Any

MEAN = 0.1307  # of pixels in 0–1, applied to pixels in 0–255: as published
STANDARD_DEVIATION = 0.3081


def normalize(batch: dict[str, Tensor], rng: Tensor | None = None) -> dict[str, Tensor]:
    """Turn uint8 images into the published inputs."""
    inputs = (tf.cast(batch["inputs"], tf.float32) - MEAN) / STANDARD_DEVIATION
    return {**batch, "inputs": inputs}


def digits(config: WorkloadConfig, reading: Reading) -> tf.data.Dataset:
    """Return the batches of a split: inputs `(batch, 28, 28, 1)`, targets `(batch,)`."""
    arrays = load_arrays(config.name, config.scale, reading.split)
    if reading.is_training:
        return training_batches(arrays, reading, transform=normalize)
    return evaluation_batches(arrays, reading.batch_size, transform=normalize)


READERS = {"full": digits, "mini": digits}
