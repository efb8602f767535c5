"""Input pipelines over arrays in memory: shuffled for training, padded for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from kit.contracts import Reading

Tensor = Any
Batch = dict[str, Tensor]


def training_batches(
    arrays: Mapping[str, np.ndarray],
    reading: Reading,
    *,
    transform: Callable[[Batch, Tensor], Batch],
) -> tf.data.Dataset:
    """Repeat `arrays` for ever, each pass in a new order, in full batches.

    Batches run over the ends of passes, so every example is seen equally often. `transform(batch,
    rng)` gets an int64 `(2,)` that depends on the seed and the batch's position alone: the stream is
    the same at every run, however many threads compute it. A later start costs nothing: the order
    of a pass depends on the seed and its number alone.
    """
    tensors = {name: tf.constant(array) for name, array in arrays.items()}
    examples = len(next(iter(arrays.values())))
    first_pass, seen = divmod(reading.start_step * reading.batch_size, examples)
    seed = tf.constant(reading.seed % 2**31, tf.int64)

    def order(number: Tensor) -> Tensor:
        indices = tf.random.experimental.stateless_shuffle(
            tf.range(examples), tf.stack([seed, number])
        )
        return indices[tf.where(number == first_pass, seen, 0) :]

    def load(position: Tensor, indices: Tensor) -> Batch:
        batch = {name: tf.gather(tensor, indices) for name, tensor in tensors.items()}
        return transform(batch, tf.stack([seed, position]))

    passes = tf.data.Dataset.range(first_pass, tf.int64.max).map(order).prefetch(1)
    return (
        passes.rebatch(reading.batch_size, drop_remainder=True)
        .enumerate(start=reading.start_step)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_batches(
    arrays: Mapping[str, np.ndarray],
    batch_size: int,
    *,
    transform: Callable[[Batch], Batch],
) -> tf.data.Dataset:
    """Give `arrays` once, in order; the last batch is padded with zeros and weights 0."""
    examples = len(next(iter(arrays.values())))
    weights = np.ones(examples, np.float32)
    missing = -examples % batch_size
    tensors = {
        name: tf.constant(
            np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)])
        )
        for name, array in {**arrays, "weights": weights}.items()
    }

    def load(start: Tensor) -> Batch:
        return transform({name: t[start : start + batch_size] for name, t in tensors.items()})

    return (
        tf.data.Dataset.range(0, examples + missing, batch_size)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def padded_batches(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batch single examples in order; the last batch is padded with zeros and weights 0."""
    weighted = examples.map(lambda example: {**example, "weights": tf.constant(1.0)})
    batches = weighted.batch(batch_size)
    return batches.map(lambda batch: pad_batch(batch, batch_size)).prefetch(tf.data.AUTOTUNE)


def pad_batch(batch: Batch, batch_size: int) -> Batch:
    """Append zeros to every tensor, `weights` among them, up to `batch_size` examples."""
    missing = batch_size - tf.shape(batch["weights"])[0]
    padded = {}
    for name, tensor in batch.items():
        widths = [[0, missing], *([[0, 0]] * (tensor.shape.rank - 1))]
        padded[name] = tf.ensure_shape(tf.pad(tensor, widths), (batch_size, *tensor.shape[1:]))
    return padded
