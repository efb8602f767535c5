"""Slices of fastMRI's knees, and of a brain for the mini scale, with some columns unmeasured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from kit.contracts import Reading, WorkloadConfig
from kit.data import load_arrays
from kit.data.pipeline import padded_batches, training_batches
from workloads.fastmri.undersampling import column_mask, frequencies, undersampled
from workloads.fastmri.volumes import Volumes

Tensor = Any
Batch = dict[str, Tensor]
Slices = tf.data.Dataset  # of (kspace (rows, columns), target (size, size), volume_max)

SHUFFLE_BATCHES = 16
EVALUATION_MASK = (0, 0)  # the rng of the mask in evaluation, the same for every slice


def knees(config: WorkloadConfig, reading: Reading, *, image_size: int) -> Watched:
    """Read fastMRI's volumes. Undersampled training slices are kept in memory, as published;
    a later start reads over those before it."""
    volumes = Volumes(config, reading.split, image_size=image_size)
    examples = undersampled_slices(volumes.slices(), reading)
    if not reading.is_training:
        return Watched(volumes, padded_batches(examples, reading.batch_size))
    batches = (
        examples.cache()
        .shuffle(SHUFFLE_BATCHES * reading.batch_size, seed=reading.seed % 2**31)
        .repeat()
        .skip(reading.start_step * reading.batch_size)
        .batch(reading.batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    return Watched(volumes, batches)


@dataclass(frozen=True)
class Watched:
    """Batches of files, whose damage is told in one line."""

    volumes: Volumes
    batches: tf.data.Dataset

    def __iter__(self) -> Iterator[Batch]:
        return self.volumes.watch(self.batches)


def brain(config: WorkloadConfig, reading: Reading, *, image_size: int) -> tf.data.Dataset:
    """Read the mini scale: whole images, whose frequencies are computed."""
    arrays = load_arrays(config.name, config.scale, reading.split)

    def load(image: Tensor, volume_max: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        target = tf.ensure_shape(tf.cast(image, tf.float32), (image_size, image_size))
        return frequencies(target), target, volume_max

    slices = tf.data.Dataset.from_tensor_slices((arrays["targets"], arrays["volume_max"]))
    examples = undersampled_slices(slices.map(load), reading)
    if not reading.is_training:
        return padded_batches(examples, reading.batch_size)
    everything = next(iter(examples.batch(len(arrays["targets"])))).items()
    return training_batches(
        {name: value.numpy() for name, value in everything},
        reading,
        transform=lambda batch, rng: batch,
    )


def undersampled_slices(slices: Slices, reading: Reading) -> tf.data.Dataset:
    """Leave out columns of every slice.

    For training a slice has its own mask, the same in every pass, as published.
    """

    def load(index: Tensor, slice_: tuple[Tensor, Tensor, Tensor]) -> Batch:
        kspace, target, volume_max = slice_
        own = tf.stack([tf.constant(reading.seed % 2**31, tf.int64), index])
        rng = own if reading.is_training else tf.constant(EVALUATION_MASK)
        mask = column_mask(tf.shape(kspace)[1], rng)
        return undersampled(kspace, target, mask, volume_max)

    return slices.enumerate().map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


# Batches: `inputs`, `targets` `(batch, size, size)`; mean, std, volume_max `(batch,)`; float32.
READERS = {"full": knees, "mini": brain}
