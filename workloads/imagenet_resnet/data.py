"""ImageNet as TFDS stores it, and Fashion-MNIST for the mini scale, as normalised batches.

Source of the full-size preprocessing: AlgoPerf `imagenet_resnet`, after the TensorFlow reference
for ResNet-50; its evaluation part is checked against a golden file.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import tensorflow as tf

from kit.contracts import Split, WorkloadConfig
from kit.data import load_arrays, split_folder
from kit.data.definition import prepare_command
from kit.data.pipeline import evaluation_batches, padded_batches, training_batches
from kit.errors import DataError

Tensor = Any
Batch = dict[str, Tensor]

MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STANDARD_DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)
FASHION_MEAN = 72.8856  # over all pixels of the 55,000 training images
FASHION_STANDARD_DEVIATION = 89.9842

CENTER_FRACTION = 224 / 256  # of the shorter side, in evaluation
SHUFFLE_BATCHES = 16
FILES_READ_AT_ONCE = 16
CROP_AREA_RANGE = (0.08, 1.0)
CROP_ASPECT_RATIO_RANGE = (3 / 4, 4 / 3)
CROP_MINIMUM_COVERED = 0.1
CROP_ATTEMPTS = 10


def dataset(config: WorkloadConfig, split: Split, batch_size: int, seed: int) -> tf.data.Dataset:
    """Return batches: inputs `(batch, height, width, channels)`, targets `(batch,)`."""
    source = {"full": imagenet, "mini": fashion_mnist}[config.scale]
    return source(config, split, batch_size, seed, **config.data)


def fashion_mnist(
    config: WorkloadConfig, split: Split, batch_size: int, seed: int, *, shift_pixels: int
) -> tf.data.Dataset:
    """Read the mini scale; training images are shifted by up to `shift_pixels` and flipped."""
    arrays = load_arrays(config.name, config.scale, split)
    if split is Split.TRAIN:
        augment = partial(augment_small, shift_pixels=shift_pixels)
        return training_batches(arrays, batch_size, seed=seed, transform=augment)
    return evaluation_batches(arrays, batch_size, transform=normalize_small)


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


def imagenet(
    config: WorkloadConfig, split: Split, batch_size: int, seed: int, *, image_size: int = 224
) -> tf.data.Dataset:
    """Read TFRecord files of examples with `image` (JPEG) and `label`, as TFDS writes them."""
    folder = split_folder(config.name, config.scale, split)
    files = sorted(str(file) for file in folder.glob("*.tfrecord*"))
    if not files:
        raise DataError(
            f"The {split} data of {config.name} ({config.scale}) is missing: no *.tfrecord files "
            f"in {folder}. Run: {prepare_command(config.name, config.scale)}"
        )
    if split is Split.TRAIN:
        return imagenet_training(files, batch_size, seed, image_size)
    examples = tf.data.TFRecordDataset(files).map(
        partial(evaluation_example, image_size=image_size),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return padded_batches(examples, batch_size)


def imagenet_training(
    files: list[str], batch_size: int, seed: int, image_size: int
) -> tf.data.Dataset:
    """Repeat shuffled records for ever; what happens to one depends on its position and `seed`."""
    seed %= 2**31
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
        return training_example(record, rng, image_size=image_size)

    return (
        records.enumerate()
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def parse_record(record: Tensor) -> tuple[Tensor, Tensor]:
    """Return the JPEG bytes and the class of one record."""
    features = {
        "image": tf.io.FixedLenFeature([], tf.string),
        "label": tf.io.FixedLenFeature([], tf.int64),
    }
    example = tf.io.parse_single_example(record, features)
    return example["image"], tf.cast(example["label"], tf.int32)


def training_example(record: Tensor, rng: Tensor, *, image_size: int) -> Batch:
    """Decode a random crop, resize it, flip half of them, normalise."""
    jpeg, label = parse_record(record)
    rngs = tf.random.experimental.stateless_split(rng, 2)
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
