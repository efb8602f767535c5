"""The HDF5 files of fastMRI, one volume each, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kit.contracts import Split, WorkloadConfig
from kit.data import evaluation_folder, train_folder
from kit.data.definition import prepare_command
from kit.errors import DataError

Tensor = Any
Slice = tuple[np.ndarray, np.ndarray, np.float32]  # kspace (rows, columns), target, volume_max

OFFICIAL_VALIDATION = "knee_singlecoil_val"  # a folder; its files are ours for validation and test
VALIDATION_FILES = 100
EVAL_TRAIN_SLICES = 3584
FILES_READ_AT_ONCE = 32


@dataclass(frozen=True)
class Volume:
    """One file, whose header has been checked."""

    path: Path
    slices: int

    def read(self, index: int) -> Slice:
        """Read one slice."""
        import h5py  # which the mini scale does without

        with h5py.File(self.path) as file:
            kspace, target = file["kspace"][index], file["reconstruction_esc"][index]
            return kspace, target, np.float32(file.attrs["max"])


class Volumes:
    """The volumes of a split.

    Raises:
        DataError: there are none, or one is not as fastMRI's are.
    """

    def __init__(self, config: WorkloadConfig, split: Split, *, image_size: int) -> None:
        self._label = f"The {split} data of {config.name} ({config.scale})"
        self._split = split
        self._image_size = image_size
        self._damage: DataError | None = None
        self._volumes = [self._open(path) for path in self._files(config)]

    def slices(self) -> tf.data.Dataset:
        """Return all slices `(kspace, target, volume_max)`, always in the same order.

        For training, and where training data is evaluated, 32 files take turns.
        """
        counts = tf.constant([volume.slices for volume in self._volumes], tf.int64)
        of_training = self._split in (Split.TRAIN, Split.EVAL_TRAIN)
        places = tf.data.Dataset.range(len(self._volumes)).interleave(
            lambda volume: tf.data.Dataset.range(counts[volume]).map(lambda index: (volume, index)),
            cycle_length=FILES_READ_AT_ONCE if of_training else 1,
        )
        if self._split is Split.EVAL_TRAIN:
            places = places.take(EVAL_TRAIN_SLICES)
        return places.map(self._load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    def watch(self, batches: tf.data.Dataset) -> Iterator[dict[str, Tensor]]:
        """Give `batches`, made of these slices; damage is told in one line."""
        try:
            yield from batches
        except tf.errors.OpError:
            if self._damage is None:
                raise
            raise self._damage from None

    def _files(self, config: WorkloadConfig) -> list[Path]:
        if self._split in (Split.TRAIN, Split.EVAL_TRAIN):
            folder, wanted = train_folder(config.name, config.scale), slice(None)
        else:
            folder = evaluation_folder(config.name, config.scale) / OFFICIAL_VALIDATION
            validation = self._split is Split.VALIDATION
            wanted = slice(VALIDATION_FILES) if validation else slice(VALIDATION_FILES, None)
        files = sorted(folder.glob("*.h5"))
        if not files[wanted]:
            found = f"{len(files)} *.h5 files in {folder}"
            if self._split is Split.TEST:
                found += f", of which the first {VALIDATION_FILES} are for validation"
            raise DataError(
                f"{self._label} is missing: {found}. "
                f"Run: {prepare_command(config.name, config.scale)}"
            )
        return files[wanted]

    def _open(self, path: Path) -> Volume:
        import h5py

        try:
            with h5py.File(path) as file:
                kspace, target = file["kspace"], file["reconstruction_esc"]
                shapes, kind = (kspace.shape, target.shape), kspace.dtype.kind
                float(file.attrs["max"])
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._damaged(path, error) from None
        size = self._image_size
        fits = len(shapes[0]) == 3 and kind == "c" and min(shapes[0][1:]) >= size
        if not fits or shapes[1] != (shapes[0][0], size, size):
            raise self._damaged(
                path,
                f"'kspace' must be complex (slices, rows, columns) of at least {size} and "
                f"'reconstruction_esc' (slices, {size}, {size}). Received: {kind} {shapes[0]} "
                f"and {shapes[1]}",
            )
        return Volume(path, shapes[0][0])

    def _damaged(self, path: Path, problem: object) -> DataError:
        reason = " ".join(str(problem).split()).strip("\"'")
        return DataError(f"{self._label} is damaged: {path}: {reason}. Get that file again.")

    def _load(self, volume: Tensor, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kinds = (tf.complex64, tf.float32, tf.float32)
        kspace, target, largest = tf.numpy_function(self._read, (volume, index), kinds)
        size = self._image_size
        return (
            tf.ensure_shape(kspace, (None, None)),
            tf.ensure_shape(target, (size, size)),
            tf.ensure_shape(largest, ()),
        )

    def _read(self, volume: int, index: int) -> Slice:
        """Read one slice; what is wrong is kept, because it would be lost on the way out."""
        try:
            kspace, target, largest = self._volumes[volume].read(index)
        except (OSError, KeyError, ValueError) as error:
            self._damage = self._damaged(self._volumes[volume].path, error)
            raise
        return kspace.astype(np.complex64), target.astype(np.float32), largest
