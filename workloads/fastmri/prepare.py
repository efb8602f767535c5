"""Prepare the mini scale: coronal slices of an average brain."""

from __future__ import annotations

import numpy as np

from kit.data import Preparation

# Slices from back to front, 1 mm apart, that no two splits share. One axis only: a slice along
# another would cut through the slices of all splits; and left and right halves of this brain are
# mirror images. Between the splits four slices are left out, because neighbours look alike.
BLOCKS = {
    "train": ((30, 54), (70, 90), (106, 126), (142, 162), (178, 206)),
    "validation": ((58, 66), (130, 138)),
    "test": ((94, 102), (166, 174)),
}
EVAL_TRAIN_STRIDE = 7
SIZE = 96  # pixels of 2 mm


def prepare(preparation: Preparation) -> None:
    """Write `targets` `(slices, 96, 96)` uint8 and the largest value, `volume_max` `(slices,)`."""
    import nibabel  # only to prepare data

    image = nibabel.load(preparation.originals["brain.nii"])
    volume = np.asarray(image.dataobj)  # (x, y, z): to the right, to the front, up; uint8
    splits = {
        split: np.concatenate([np.arange(*block) for block in blocks])
        for split, blocks in BLOCKS.items()
    }
    splits["eval_train"] = splits["train"][::EVAL_TRAIN_STRIDE]
    for split, positions in splits.items():
        preparation.save(
            split,
            targets=coronal_slices(volume, positions),
            volume_max=np.full(len(positions), volume.max(), np.float32),
        )


def coronal_slices(volume: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return slices `(positions, SIZE, SIZE)`, each pixel the rounded mean of 2x2 voxels.

    Integers all the way, so that the bytes are the same on every machine.
    """
    slices = volume[:, positions].transpose(1, 2, 0)[:, ::-1]  # (position, down, right)
    for axis in (1, 2):
        slices = _fit(slices, axis, 2 * SIZE)
    four = slices.reshape(-1, SIZE, 2, SIZE, 2).sum(axis=(2, 4), dtype=np.uint16)
    return ((four + 2) // 4).astype(np.uint8)


def _fit(slices: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Cut off, or fill up with black, evenly at both ends."""
    extra = slices.shape[axis] - size
    if extra > 0:
        return np.take(slices, range(extra // 2, extra // 2 + size), axis)
    widths = [(0, 0)] * slices.ndim
    widths[axis] = (-extra // 2, -extra - -extra // 2)
    return np.pad(slices, widths)
