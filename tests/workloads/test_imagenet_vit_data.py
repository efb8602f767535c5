from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kit.contracts import Split
from kit.data import split_folder
from kit.data.imagenet import MEAN_RGB, STANDARD_DEVIATION_RGB
from kit.registry import load_workload
from workloads.imagenet_vit import image_operations, rand_augment
from workloads.imagenet_vit.data import mixup

GOLDEN = Path(__file__).parent.parent / "golden" / "extras" / "imagenet_preprocess.npz"
with np.load(GOLDEN, allow_pickle=False) as _golden:
    ARRAYS = {key: _golden[key] for key in _golden.files}
ARGUMENTS = json.loads(str(ARRAYS["meta"]))["randaugment_args"]


def rngs(count: int):
    return (tf.constant([3, position], tf.int64) for position in range(count))


def picture() -> tf.Tensor:
    return tf.constant(ARRAYS["randaugment/input"])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_operation_equals_the_reference(name):
    operation = getattr(image_operations, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    result = operation(picture(), *ARGUMENTS[name])
    assert (result.numpy() == ARRAYS[f"randaugment/output/{name}"]).all()


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"TranslateX", "TranslateY"}))
def test_default_arguments_are_those_of_full_strength(name):
    operation = getattr(image_operations, re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower())
    assert (operation(picture()).numpy() == ARRAYS[f"randaugment/output/{name}"]).all()


def test_even_pictures_survive_stretching_and_flattening():
    even = tf.fill([8, 8, 3], tf.constant(7, tf.uint8))
    for operation in (image_operations.auto_contrast, image_operations.equalize):
        assert (operation(even).numpy() == 7).all()


def test_cutout_covers_one_square_somewhere():
    white = tf.fill([32, 32, 3], tf.constant(255, tf.uint8))
    corners = set()
    for rng in rngs(20):
        covered = (image_operations.cutout(white, rng, 4).numpy() == 128).all(-1)
        rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
        assert covered.sum() == len(rows) * len(columns)
        assert 4 <= len(rows) <= 8
        assert 4 <= len(columns) <= 8
        corners.add((rows[0], columns[0]))
    assert len(corners) > 10


def test_every_operation_is_drawn_and_directed_ones_go_both_ways(monkeypatch):
    assert len(rand_augment.OPERATIONS) == len(ARGUMENTS) + 1  # and cutout
    marks = [
        lambda image, rng, mark=mark: tf.fill(image.shape, tf.constant(mark, tf.uint8))
        for mark in range(16)
    ]
    rotate = rand_augment.OPERATIONS[3]
    assert len({rotate(picture(), rng).numpy().tobytes() for rng in rngs(20)}) == 2
    monkeypatch.setattr(rand_augment, "OPERATIONS", tuple(marks))
    drawn = tf.function(rand_augment.rand_augment)
    last = [int(drawn(picture(), rng, layers=2)[0, 0, 0]) for rng in rngs(200)]
    assert set(last) == set(range(16))


def test_layers_work_on_each_others_results():
    once = [rand_augment.rand_augment(picture(), rng, layers=1) for rng in rngs(4)]
    assert all(image.dtype == tf.uint8 and image.shape == (32, 32, 3) for image in once)
    assert len({image.numpy().tobytes() for image in once}) > 1


def test_mixup_takes_one_weight_for_pictures_and_labels():
    labels = np.arange(8, dtype=np.int32)
    inputs = np.broadcast_to(labels[:, None, None, None], (8, 2, 2, 3)).astype(np.float32)
    batch = {"inputs": tf.constant(inputs), "targets": tf.constant(labels)}
    weights = []
    for rng in rngs(200):
        mixed = mixup(batch, rng, alpha=0.2, num_classes=10)
        targets = mixed["targets"].numpy()
        weight = targets[3, 3]
        assert targets[3, 2] == pytest.approx(1 - weight, abs=1e-6)  # the example before it
        assert targets[0, 7] == pytest.approx(1 - weight, abs=1e-6)
        np.testing.assert_allclose(targets.sum(1), 1.0, atol=1e-6)
        expected = weight * inputs[3] + (1 - weight) * inputs[2]
        np.testing.assert_allclose(mixed["inputs"][3], expected, atol=1e-5)
        weights.append(weight)
    # Beta(0.2, 0.2): mean 1/2, variance 1 / (4 (2 · 0.2 + 1)); most of it near 0 and 1
    assert np.mean(weights) == pytest.approx(0.5, abs=0.1)
    assert np.var(weights) == pytest.approx(1 / 5.6, abs=0.03)


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """Write twelve grey pictures of each split, the class is the grey over 20."""
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    workload = load_workload("imagenet_vit", "full")
    workload.config.data["image_size"] = 32
    for split in Split:
        folder = split_folder("imagenet_vit", "full", split)
        folder.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / "imagenet.tfrecord-00000-of-00001")) as writer:
            for label in range(12):
                writer.write(record(label))
    return workload


def record(label: int) -> bytes:
    encoded = tf.io.encode_jpeg(np.full((40, 60, 3), 20 * label, np.uint8)).numpy()
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString())


def test_training_batches_look_like_the_synthetic_ones(imagenet):
    synthetic = imagenet.synthetic_batch(4)
    real = next(iter(imagenet.dataset(Split.TRAIN, 4)))
    assert synthetic["targets"].shape == tuple(real["targets"].shape) == (4, 1000)
    assert synthetic["targets"].dtype == real["targets"].numpy().dtype == np.float32
    assert tuple(real["inputs"].shape) == (4, 32, 32, 3)


def test_evaluation_is_neither_augmented_nor_mixed(imagenet):
    [batch] = imagenet.dataset(Split.VALIDATION, 12)
    assert batch["targets"].numpy().tolist() == list(range(12))
    grey = (batch["inputs"] * STANDARD_DEVIATION_RGB + MEAN_RGB).numpy().mean((1, 2, 3))
    np.testing.assert_allclose(grey, 20 * np.arange(12), atol=1.0)


def test_augmented_training_stream_is_given_by_the_seed(imagenet):
    def beginning(seed: int) -> list[bytes]:
        batches = itertools.islice(imagenet.dataset(Split.TRAIN, 4, seed), 3)
        return [b["inputs"].numpy().tobytes() + b["targets"].numpy().tobytes() for b in batches]

    assert beginning(1) == beginning(1)
    assert beginning(1) != beginning(2)


def test_training_pictures_are_augmented_before_normalisation(imagenet):
    imagenet.config.data["mixup_alpha"] = 0.0
    batches = itertools.islice(imagenet.dataset(Split.TRAIN, 12, 1), 2)
    changed = 0
    for batch in batches:
        assert batch["targets"].dtype == tf.int32
        pixels = (batch["inputs"] * STANDARD_DEVIATION_RGB + MEAN_RGB).numpy()
        np.testing.assert_allclose(pixels, np.round(pixels), atol=1e-3)  # bytes again
        expected = 20.0 * batch["targets"].numpy()[:, None, None, None]
        changed += int((np.abs(pixels - expected).max((1, 2, 3)) > 2).sum())
    assert changed > 8
