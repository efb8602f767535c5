"""Prepare Fashion-MNIST, split by label: the mini data of the image classification workloads.

Source: Xiao, Rasul & Vollgraf 2017 (arXiv:1708.07747).
"""

from __future__ import annotations

import numpy as np

from kit.data.idx import read_idx
from kit.data.preparation import Preparation
from kit.data.splitting import stratified_split

SIZES = {"train": 55_000, "validation": 5_000}
EVAL_TRAIN_EXAMPLES = 2_000
SPLIT_SEED = 0


def prepare_fashion_mnist(preparation: Preparation) -> None:
    """Write images `(examples, 28, 28, 1)` uint8 and labels `(examples,)` int32 of every split.

    Validation comes out of the official training files; test is the official test set.
    """
    originals = preparation.originals
    images = read_idx(originals["train-images-idx3-ubyte"])
    labels = read_idx(originals["train-labels-idx1-ubyte"])
    parts = stratified_split(labels, list(SIZES.values()), seed=SPLIT_SEED)
    for split, part in zip(SIZES, parts, strict=True):
        _save(preparation, split, images[part], labels[part])
    train = parts[0]
    [chosen] = stratified_split(labels[train], [EVAL_TRAIN_EXAMPLES], seed=SPLIT_SEED)
    _save(preparation, "eval_train", images[train][chosen], labels[train][chosen])
    test_images = read_idx(originals["t10k-images-idx3-ubyte"])
    _save(preparation, "test", test_images, read_idx(originals["t10k-labels-idx1-ubyte"]))


def _save(preparation: Preparation, split: str, images: np.ndarray, labels: np.ndarray) -> None:
    preparation.save(split, inputs=images[..., np.newaxis], targets=labels.astype(np.int32))
