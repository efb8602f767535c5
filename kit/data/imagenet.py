"""ImageNet as TFDS stores it, as normalised batches.

Source: AlgoPerf `imagenet_resnet` and `imagenet_vit`, whose preprocessing follows the TensorFlow
reference for ResNet-50; its evaluation part is checked against a golden file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tensorflow as tf

from kit.contracts import Reading, WorkloadConfig
from kit.data.definition import prepare_command
from kit.data.pipeline import padded_batches
from kit.data.prepared import split_folder
from kit.errors import DataError

Tensor = Any
Batch = dict[str, Tensor]

MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STANDARD_DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)

CENTER_FRACTION = 224 / 256  # of the shorter side, in evaluation
SHUFFLE_BATCHES = 16
FILES_READ_AT_ONCE = 16
CROP_AREA_RANGE = (0.08, 1.0)
CROP_ASPECT_RATIO_RANGE = (3 / 4, 4 / 3)
CROP_MINIMUM_COVERED = 0.1
CROP_ATTEMPTS = 10


@dataclass(frozen=True)
class Augmentation:
    """What a workload does to training data besides cropping and flipping.

    Each function gets an int64 rng `(2,)` that depends on the seed and the position alone.
    """

    image: Callable[[Tensor, Tensor], Tensor] | None = None  # uint8, flipped, not yet normalised
    batch: Callable[[Batch, Tensor], Batch] | None = None  # normalised, with all its targets


def imagenet_batches(
    config: WorkloadConfig,
    reading: Reading,
    *,
    image_size: int = 224,
    augmentation: Augmentation | None = None,
) -> tf.data.Dataset:
    """Read TFRecord files of examples with `image` (JPEG) and `label`, as TFDS writes them.

    Batches hold inputs `(batch, image_size, image_size, 3)` and targets `(batch,)`.

    Raises:
        DataError: there are no such files.
    """
    folder = split_folder(config.name, config.scale, reading.split)
    files = sorted(str(file) for file in folder.glob("*.tfrecord*"))
    if not files:
        raise DataError(
            f"The {reading.split} data of {config.name} ({config.scale}) is missing: no *.tfrecord "
            f"files in {folder}. Run: {prepare_command(config.name, config.scale)}"
        )
    if reading.is_training:
        return _training(files, reading, image_size, augmentation or Augmentation())
    examples = tf.data.TFRecordDataset(files).map(
        partial(evaluation_example, image_size=image_size),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return padded_batches(examples, reading.batch_size)


def _training(
    files: list[str], reading: Reading, image_size: int, augmentation: Augmentation
) -> tf.data.Dataset:
    """Repeat shuffled records for ever; what happens to one depends on its position and the seed.

    A later start reads over the records before it without decoding them.
    """
    seed, batch_size = reading.seed % 2**31, reading.batch_size
    records = (
        tf.data.Dataset.from_tensor_slices(files)
        .shuffle(len(files), seed=seed)
        .repeat()
        .interleave(
            tf.data.TFRecordDataset,
            cycle_length=FILES_READ_AT_ONCE,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .shuffle(SHUFFLE_BATCHES * batch_size, seed=seed + 1)
    )

    def load(position: Tensor, record: Tensor) -> Batch:
        rng = tf.stack([tf.constant(seed, tf.int64), position])
        return training_example(record, rng, image_size=image_size, augment=augmentation.image)

    batches = (
        records.enumerate()
        .skip(reading.start_step * batch_size)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
    )
    if (augment := augmentation.batch) is not None:

        def change(position: Tensor, batch: Batch) -> Batch:
            return augment(batch, tf.stack([tf.constant(seed + 2, tf.int64), position]))

        batches = batches.enumerate(start=reading.start_step).map(
            change, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
    return batches.prefetch(tf.data.AUTOTUNE)


def parse_record(record: Tensor) -> tuple[Tensor, Tensor]:
    """Return the JPEG bytes and the class of one record."""
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    example = tf.io.parse_single_example(record, features)
    return example["image"], tf.cast(example["label"], tf.int32)


def training_example(
    record: Tensor,
    rng: Tensor,
    *,
    image_size: int,
    augment: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Batch:
    """Decode a random crop, resize it, flip half of them, augment, normalise."""
    jpeg, label = parse_record(record)
    rngs = tf.random.experimental.stateless_split(rng, 3)
    shape = tf.image.extract_jpeg_shape(jpeg)  # height, width, channels
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed=rngs[0],
        min_object_covered=CROP_MINIMUM_COVERED,
        aspect_ratio_range=CROP_ASPECT_RATIO_RANGE,
        area_range=CROP_AREA_RANGE,
        max_attempts=CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    image = tf.cond(
        tf.reduce_all(size[:2] == shape[:2]),
        lambda: decode_center(jpeg, image_size),
        lambda: decode_window(jpeg, tf.concat([begin[:2], size[:2]], 0), image_size),
    )
    image = tf.image.stateless_random_flip_left_right(image, rngs[1])
    if augment is not None:  # bicubic resizing overshoots, so the values are cut before the cast
        whole = tf.cast(tf.clip_by_value(image, 0.0, 255.0), tf.uint8)
        image = tf.cast(augment(whole, rngs[2]), tf.float32)
    return {"inputs": normalize_rgb(image), "targets": label}


def evaluation_example(record: Tensor, *, image_size: int) -> Batch:
    """Decode the central square, resize it, normalise."""
    jpeg, label = parse_record(record)
    return {"inputs": normalize_rgb(decode_center(jpeg, image_size)), "targets": label}


def decode_center(jpeg: Tensor, image_size: int) -> Tensor:
    """Decode the central square and resize it."""
    shape = tf.image.extract_jpeg_shape(jpeg)
    shorter = tf.cast(tf.minimum(shape[0], shape[1]), tf.float32)
    side = tf.cast(CENTER_FRACTION * shorter, tf.int32)
    window = tf.stack([(shape[0] - side + 1) // 2, (shape[1] - side + 1) // 2, side, side])
    return decode_window(jpeg, window, image_size)


def decode_window(jpeg: Tensor, window: Tensor, image_size: int) -> Tensor:
    """Decode `window` (top, left, height, width) and resize it, bicubic without antialiasing."""
    image = tf.io.decode_and_crop_jpeg(jpeg, window, channels=3)
    image = tf.image.resize(image, [image_size, image_size], tf.image.ResizeMethod.BICUBIC)
    return tf.ensure_shape(image, [image_size, image_size, 3])


def normalize_rgb(image: Tensor) -> Tensor:
    """Subtract the mean of ImageNet and divide by its standard deviation, by channel."""
    return (image - tf.constant(MEAN_RGB)) / tf.constant(STANDARD_DEVIATION_RGB)
