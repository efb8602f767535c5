"""Prepare MNIST: all 70,000 digits, or 5,000 of them at the mini scale."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from kit.data import Preparation
from kit.data.idx import read_idx
from kit.data.splitting import stratified_split

FULL_TRAIN_EXAMPLES = 50_000
FULL_EVAL_TRAIN_EXAMPLES = 10_000
MINI_SIZES = {"train": 4000, "validation": 500, "test": 500}
MINI_EVAL_TRAIN_EXAMPLES = 500
SPLIT_SEED = 0


def prepare(preparation: Preparation) -> None:
    """Write images `(examples, 28, 28, 1)` uint8 and labels `(examples,)` int32 of every split."""
    {"full": _prepare_full, "mini": _prepare_mini}[preparation.scale](preparation)


def _prepare_full(preparation: Preparation) -> None:
    """Split the official files: the first 50,000 train, the other 10,000 validate.

    The published workload takes the same numbers from TFDS, whose order differs from the files'.
    """
    originals = preparation.originals
    images = read_idx(originals["train-images-idx3-ubyte"])
    labels = read_idx(originals["train-labels-idx1-ubyte"])
    for split, part in (
        ("train", slice(0, FULL_TRAIN_EXAMPLES)),
        ("eval_train", slice(0, FULL_EVAL_TRAIN_EXAMPLES)),
        ("validation", slice(FULL_TRAIN_EXAMPLES, None)),
    ):
        _save(preparation, split, images[part], labels[part])
    test_images = read_idx(originals["t10k-images-idx3-ubyte"])
    _save(preparation, "test", test_images, read_idx(originals["t10k-labels-idx1-ubyte"]))


def _prepare_mini(preparation: Preparation) -> None:
    """Split the 5,000 digits by label, because the file is sorted."""
    images, labels = _read_csv(preparation.originals["mnist_5k.csv"])
    parts = stratified_split(labels, list(MINI_SIZES.values()), seed=SPLIT_SEED)
    for split, part in zip(MINI_SIZES, parts, strict=True):
        _save(preparation, split, images[part], labels[part])
    train = parts[0]
    [chosen] = stratified_split(labels[train], [MINI_EVAL_TRAIN_EXAMPLES], seed=SPLIT_SEED)
    _save(preparation, "eval_train", images[train][chosen], labels[train][chosen])


def _read_csv(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with path.open(newline="", encoding="ascii") as stream:
        table = np.array(list(csv.reader(stream)), np.float32).astype(np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


def _save(preparation: Preparation, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    preparation.save(split, inputs=images[..., np.newaxis], targets=labels.astype(np.int32))
