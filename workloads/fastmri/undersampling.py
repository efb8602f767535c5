"""From the frequencies of an image to the image that few of them give, as fastMRI does it.

Sources: Zbontar et al. 2018 (arXiv:1811.08839), sections 4.1 and 4.9; AlgoPerf `fastmri`. Checked
against a golden file.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any
Batch = dict[str, Tensor]

CENTER_FRACTION = 0.08
ACCELERATION = 4
CLIP = 6.0  # standard deviations


def column_mask(columns: int | Tensor, rng: Tensor) -> Tensor:
    """Return which columns of the frequencies are measured: `(columns,)`, 1 or 0.

    The lowest 8 % are, the others with the probability that makes a quarter of all on average.
    """
    columns = tf.convert_to_tensor(columns)
    low = tf.cast(CENTER_FRACTION * tf.cast(columns, tf.float32), tf.int32)
    wanted = tf.cast(columns, tf.float32) / ACCELERATION - tf.cast(low, tf.float32)
    probability = wanted / tf.cast(columns - low, tf.float32)
    position = tf.range(columns) - (columns - low + 1) // 2
    center = (position >= 0) & (position < low)
    drawn = tf.random.stateless_uniform([columns], rng) < probability
    return tf.cast(center | drawn, tf.float32)


def frequencies(images: Tensor) -> Tensor:
    """Return the centred orthonormal Fourier transform of `(…, height, width)`, complex64."""
    centred = tf.signal.ifftshift(tf.cast(images, tf.complex64), axes=(-2, -1))
    shifted = tf.signal.fftshift(tf.signal.fft2d(centred), axes=(-2, -1))
    return shifted / tf.cast(_root_of_size(shifted), tf.complex64)


def magnitudes(kspace: Tensor) -> Tensor:
    """Return the absolute values of the inverse of `frequencies`."""
    centred = tf.signal.ifftshift(kspace, axes=(-2, -1))
    return tf.abs(tf.signal.fftshift(tf.signal.ifft2d(centred), axes=(-2, -1))) * _root_of_size(
        kspace
    )


def _root_of_size(images: Tensor) -> Tensor:
    return tf.sqrt(tf.cast(tf.reduce_prod(tf.shape(images)[-2:]), tf.float32))


def center_crop(image: Tensor, size: int) -> Tensor:
    """Return the middle of `(height, width)`."""
    top, left = ((tf.shape(image)[axis] - size) // 2 for axis in (0, 1))
    return tf.ensure_shape(image[top : top + size, left : left + size], (size, size))


def undersampled(kspace: Tensor, target: Tensor, mask: Tensor, volume_max: Tensor) -> Batch:
    """Return one example: what the columns in `mask` show of a slice, and its `target`.

    `kspace` is `(rows, columns)`, `target` `(size, size)`. Both images are normalised with mean and
    standard deviation of the first one, which belong to the example.
    """
    size = target.shape[0]
    image = center_crop(magnitudes(kspace * tf.cast(mask, tf.complex64)), size)
    mean, std = tf.reduce_mean(image), tf.math.reduce_std(image)
    return {
        "inputs": tf.clip_by_value((image - mean) / std, -CLIP, CLIP),
        "targets": tf.clip_by_value((target - mean) / std, -CLIP, CLIP),
        "mean": mean,
        "std": std,
        "volume_max": volume_max,
    }
