"""The operations of RandAugment on uint8 images `(height, width, 3)`.

The default arguments are those of magnitude 10 of 10. Source: Cubuk et al. 2020 (arXiv:1909.13719)
in the form of AlgoPerf `imagenet_vit`; all but `cutout` are checked against a golden file.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

Tensor = Any

FILL = 128  # where an operation leaves nothing
DEGREES = 30.0
SHEAR = 0.3
TRANSLATE_PIXELS = 100.0
BLEND_FACTOR = 1.9
POSTERIZE_BITS = 4
SOLARIZE_THRESHOLD = 256
SOLARIZE_ADDITION = 110
SOLARIZE_ADD_THRESHOLD = 128
CUTOUT_HALF_SIZE = 40


def to_bytes(image: Tensor) -> Tensor:
    """Cut to 0..255 and drop the fraction."""
    return tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.uint8)


def blend(degenerate: Tensor, image: Tensor, factor: float) -> Tensor:
    """Go from `degenerate` (factor 0) over `image` (1) and beyond."""
    start = tf.cast(degenerate, tf.float32)
    return to_bytes(start + factor * (tf.cast(image, tf.float32) - start))


def auto_contrast(image: Tensor) -> Tensor:
    """Stretch every channel to 0..255."""
    values = tf.cast(image, tf.float32)
    low, high = tf.reduce_min(values, (0, 1)), tf.reduce_max(values, (0, 1))
    scale = tf.math.divide_no_nan(255.0, high - low)
    return tf.where(high > low, to_bytes(values * scale - low * scale), image)


def equalize(image: Tensor) -> Tensor:
    """Make the histogram of every channel as flat as a table of 256 values can."""
    return tf.stack([_equalize_channel(image[..., channel]) for channel in range(3)], axis=-1)


def _equalize_channel(channel: Tensor) -> Tensor:
    values = tf.cast(channel, tf.int32)
    counts = tf.math.bincount(tf.reshape(values, [-1]), minlength=256, maxlength=256)
    last = counts[tf.reduce_max(values)]
    step = (tf.size(values) - last) // 255
    before = tf.cumsum(counts, exclusive=True)  # pixels below each value
    table = tf.clip_by_value((before + step // 2) // tf.maximum(step, 1), 0, 255)
    table = tf.concat([[0], table[1:]], axis=0)
    return tf.where(step == 0, channel, tf.cast(tf.gather(table, values), tf.uint8))


def invert(image: Tensor) -> Tensor:
    """Return the negative."""
    return 255 - image


def posterize(image: Tensor, bits: int = POSTERIZE_BITS) -> Tensor:
    """Keep the highest `bits` of every value."""
    return tf.bitwise.bitwise_and(image, tf.constant(256 - 2 ** (8 - bits), tf.uint8))


def solarize(image: Tensor, threshold: int = SOLARIZE_THRESHOLD) -> Tensor:
    """Invert what is not below the threshold.

    As published: the threshold of full strength, 256, becomes 0 as a byte, so all is inverted.
    """
    return tf.where(image < tf.constant(threshold % 256, tf.uint8), image, 255 - image)


def solarize_add(image: Tensor, addition: int = SOLARIZE_ADDITION) -> Tensor:
    """Add to what is below the threshold."""
    added = to_bytes(tf.cast(image, tf.float32) + addition)
    return tf.where(image < SOLARIZE_ADD_THRESHOLD, added, image)


def color(image: Tensor, factor: float = BLEND_FACTOR) -> Tensor:
    """Blend with the grey picture."""
    return blend(tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(image)), image, factor)


def contrast(image: Tensor, factor: float = BLEND_FACTOR) -> Tensor:
    """Blend with an even grey.

    As published: the grey is not the mean value but the number of pixels over 256 (the histogram
    is summed without its values), 196 for the full size.
    """
    grey = to_bytes(tf.cast(tf.size(image) // 3, tf.float32) / 256.0)
    return blend(tf.fill(tf.shape(image), grey), image, factor)


def brightness(image: Tensor, factor: float = BLEND_FACTOR) -> Tensor:
    """Blend with black."""
    return blend(tf.zeros_like(image), image, factor)


def sharpness(image: Tensor, factor: float = BLEND_FACTOR) -> Tensor:
    """Blend with the smoothed picture, whose border is not smoothed."""
    kernel = tf.constant([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13.0
    kernel = tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], [1, 1, 3, 1])
    values = tf.cast(image, tf.float32)[tf.newaxis]
    inner = to_bytes(tf.nn.depthwise_conv2d(values, kernel, [1, 1, 1, 1], "VALID")[0])
    inside = tf.pad(tf.ones_like(inner), [[1, 1], [1, 1], [0, 0]]) == 1
    smooth = tf.where(inside, tf.pad(inner, [[1, 1], [1, 1], [0, 0]]), image)
    return blend(smooth, image, factor)


def project(image: Tensor, transform: list[Any]) -> Tensor:
    """Take each pixel from where `transform` (8 numbers of a projection) says, nearest first."""
    seen = tf.concat([image, tf.ones_like(image[..., :1])], axis=-1)  # 0 where nothing was
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=seen[tf.newaxis],
        transforms=tf.stack([tf.cast(number, tf.float32) for number in transform])[tf.newaxis],
        output_shape=tf.shape(image)[:2],
        fill_value=0.0,
        interpolation="NEAREST",
        fill_mode="CONSTANT",
    )[0]
    return tf.where(moved[..., 3:] == 0, tf.constant(FILL, tf.uint8), moved[..., :3])


def rotate(image: Tensor, degrees: Any = DEGREES) -> Tensor:
    """Rotate around the middle."""
    angle = tf.cast(degrees, tf.float32) * (math.pi / 180.0)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    down, right = (tf.cast(tf.shape(image)[axis] - 1, tf.float32) for axis in (0, 1))
    offset_x = (right - (cosine * right - sine * down)) / 2.0
    offset_y = (down - (sine * right + cosine * down)) / 2.0
    return project(image, [cosine, -sine, offset_x, sine, cosine, offset_y, 0, 0])


def shear_x(image: Tensor, amount: Any = SHEAR) -> Tensor:
    """Move every row in proportion to its number."""
    return project(image, [1, amount, 0, 0, 1, 0, 0, 0])


def shear_y(image: Tensor, amount: Any = SHEAR) -> Tensor:
    """Move every column in proportion to its number."""
    return project(image, [1, 0, 0, amount, 1, 0, 0, 0])


def translate_x(image: Tensor, pixels: Any = TRANSLATE_PIXELS) -> Tensor:
    """Move to the left."""
    return project(image, [1, 0, pixels, 0, 1, 0, 0, 0])


def translate_y(image: Tensor, pixels: Any = TRANSLATE_PIXELS) -> Tensor:
    """Move up."""
    return project(image, [1, 0, 0, 0, 1, pixels, 0, 0])


def cutout(image: Tensor, rng: Tensor, half_size: int = CUTOUT_HALF_SIZE) -> Tensor:
    """Cover a square around a random pixel; part of it may lie outside."""
    size = tf.shape(image)[:2]
    center = tf.cast(tf.random.stateless_uniform([2], rng) * tf.cast(size, tf.float32), tf.int32)
    rows, columns = (
        (tf.range(size[axis]) >= center[axis] - half_size)
        & (tf.range(size[axis]) < center[axis] + half_size)
        for axis in (0, 1)
    )
    covered = rows[:, tf.newaxis, tf.newaxis] & columns[tf.newaxis, :, tf.newaxis]
    return tf.where(covered, tf.constant(FILL, tf.uint8), image)
