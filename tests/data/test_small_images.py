from __future__ import annotations

import numpy as np
import tensorflow as tf

from kit.data import small_images

RNG = np.array([5, 7], np.int64)


def small_batch() -> dict[str, np.ndarray]:
    images = np.zeros((64, 28, 28, 1), np.uint8)
    images[:, 10:14, 8:12] = 200  # left of the middle: a flip is seen
    return {"inputs": tf.constant(images), "targets": tf.range(64)}


def test_small_pictures_are_shifted_and_flipped_each_by_its_own_draw():
    augmented = small_images.augment_small(small_batch(), RNG, shift_pixels=2)
    bright = augmented["inputs"].numpy()[..., 0] > 0
    tops = [int(np.flatnonzero(picture.any(1))[0]) for picture in bright]
    lefts = [int(np.flatnonzero(picture.any(0))[0]) for picture in bright]
    assert set(tops) == set(range(8, 13))
    assert set(lefts) == set(range(6, 11)) | {28 - 4 - left for left in range(6, 11)}
    assert bright.sum((1, 2)).tolist() == [16] * 64
    assert augmented["targets"].numpy().tolist() == list(range(64))


def test_without_shift_half_of_the_small_pictures_stay_as_they_are():
    batch = small_batch()
    plain = small_images.normalize_small(batch)["inputs"].numpy()
    augmented = small_images.augment_small(batch, RNG, shift_pixels=0)["inputs"].numpy()
    same = (plain == augmented).all((1, 2, 3))
    assert 16 <= same.sum() <= 48
    assert (plain[~same][:, :, ::-1] == augmented[~same]).all()
