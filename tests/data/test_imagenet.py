from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kit.contracts import Split
from kit.data import imagenet as data
from kit.data import split_folder
from kit.errors import DataError
from kit.registry import load_workload

GOLDEN = Path(__file__).parent.parent / "golden" / "extras" / "imagenet_preprocess.npz"


def record(jpeg: bytes, label: int) -> bytes:
    """Write one example as TFDS does."""
    features = {
        "file_name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"n01.JPEG"])),
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString())


def jpeg(height: int, width: int, value: int) -> bytes:
    return bytes(tf.io.encode_jpeg(np.full((height, width, 3), value, np.uint8)).numpy())


@pytest.fixture(params=["imagenet_resnet", "imagenet_vit"])
def imagenet(request, tmp_path, monkeypatch):
    """Write a tiny ImageNet: five pictures in two files of each split, labels counted up.

    What only one of the workloads does to training data is off.
    """
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    workload = load_workload(request.param, "full")
    workload.config.data.update(image_size=32)
    if request.param == "imagenet_vit":
        workload.config.data.update(rand_augment_layers=0, mixup_alpha=0.0)
    for split in Split:
        folder = split_folder(request.param, "full", split)
        folder.mkdir(parents=True)
        for part, labels in enumerate(([0, 1, 2], [3, 4])):
            file = folder / f"imagenet2012-{split}.tfrecord-0000{part}-of-00002"
            with tf.io.TFRecordWriter(str(file)) as writer:
                for label in labels:
                    writer.write(record(jpeg(40 + label, 60, 20 * label), label))
    return workload


def test_evaluation_preprocessing_equals_the_reference():
    golden = np.load(GOLDEN, allow_pickle=False)
    assert "image_size 56" in json.loads(str(golden["meta"]))["what"]
    encoded = golden["input/jpeg_bytes"].tobytes()
    example = data.evaluation_example(record(encoded, 3), image_size=56)
    np.testing.assert_allclose(example["inputs"], golden["output/eval"], atol=1e-5)
    assert int(example["targets"]) == 3


def test_evaluation_reads_every_record_in_order_and_pads(imagenet):
    batches = list(imagenet.dataset(Split.VALIDATION, 4))
    assert [tuple(batch["inputs"].shape) for batch in batches] == [(4, 32, 32, 3)] * 2
    assert np.concatenate([b["targets"] for b in batches]).tolist() == [0, 1, 2, 3, 4, 0, 0, 0]
    assert np.concatenate([b["weights"] for b in batches]).tolist() == [1.0] * 5 + [0.0] * 3


def test_training_repeats_all_records_for_ever(imagenet):
    batches = list(itertools.islice(imagenet.dataset(Split.TRAIN, 4, seed=1), 10))
    assert all(tuple(batch["inputs"].shape) == (4, 32, 32, 3) for batch in batches)
    assert "weights" not in batches[0]
    assert set(np.concatenate([b["targets"] for b in batches]).tolist()) == {0, 1, 2, 3, 4}


def test_training_stream_is_given_by_the_seed(imagenet):
    def beginning(seed: int) -> list[bytes]:
        batches = itertools.islice(imagenet.dataset(Split.TRAIN, 4, seed), 3)
        return [batch["inputs"].numpy().tobytes() for batch in batches]

    assert beginning(1) == beginning(1)
    assert beginning(1) != beginning(2)


def test_normalisation_is_by_channel(imagenet):
    batch = next(iter(imagenet.dataset(Split.VALIDATION, 5)))
    grey = 20.0 * 3
    expected = (grey - np.array(data.MEAN_RGB)) / np.array(data.STANDARD_DEVIATION_RGB)
    np.testing.assert_allclose(batch["inputs"][3].numpy().mean((0, 1)), expected, atol=0.02)


def test_missing_records_are_reported_with_the_fix(imagenet):
    name = imagenet.config.name
    folder = split_folder(name, "full", "test")
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(DataError) as caught:
        imagenet.dataset(Split.TEST, 4)
    assert str(caught.value) == (
        f"The test data of {name} (full) is missing: no *.tfrecord files in {folder}. "
        f"Run: kit data prepare {name} --scale full"
    )


def test_training_crops_are_random_flipped_and_within_the_picture():
    columns = np.tile(np.arange(0, 200, dtype=np.uint8)[None, :, None], (120, 1, 3))
    encoded = tf.io.encode_jpeg(columns, quality=100).numpy()
    rising, left = 0, []
    for position in range(40):
        example = data.training_example(
            record(encoded, 0), tf.constant([1, position], tf.int64), image_size=32
        )
        raw = example["inputs"] * data.STANDARD_DEVIATION_RGB + data.MEAN_RGB
        row = raw.numpy()[16, :, 0]
        rising += row[-1] > row[0]
        left.append(min(row[0], row[-1]))
        assert -3 <= row.min() <= row.max() <= 203
    assert 8 <= rising <= 32
    assert np.std(left) > 10
