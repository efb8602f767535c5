"""The click logs of Criteo as text lines, and late flights for the mini scale, as number arrays.

Source of the preprocessing: AlgoPerf `criteo1tb`; it is checked against a golden file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kit.contracts import Reading, Split, WorkloadConfig
from kit.data import load_arrays, split_folder
from kit.data.definition import prepare_command
from kit.data.pipeline import evaluation_batches, pad_batch, training_batches
from kit.data.prepared import damaged_message
from kit.errors import DataError

Tensor = Any
Batch = dict[str, Tensor]

INTEGERS = 13
BUCKETS = (  # of each categorical column
    *(39884406, 39043, 17289, 7420, 20263, 3, 7120, 1543, 63, 38532951, 2953546, 403346, 10),
    *(2208, 11938, 155, 4, 976, 14, 39979771, 25641295, 39664984, 585935, 12972, 108, 36),
)
COLUMNS = 1 + INTEGERS + len(BUCKETS)
MISSING_CATEGORY = "00000000"
MISSING_MARK = "-1"  # in a column of either kind, besides an empty one


def scale_numbers(numbers: Tensor) -> Tensor:
    """Return log(x + 1), negative numbers taken as 0."""
    return tf.math.log(tf.maximum(numbers, 0.0) + 1.0)


def bucket_ids(strings: Tensor, column: int, buckets: int) -> Tensor:
    """Hash the strings of one categorical column into ids, as float32.

    The column is part of what is hashed. Ids above 2**24 lose their last bits in float32, as
    published: all features of an example travel in one array.
    """
    named = tf.strings.join([strings, str(column)])
    return tf.cast(tf.strings.to_hash_bucket_fast(named, buckets), tf.float32)


def flights(config: WorkloadConfig, reading: Reading, *, buckets: Sequence[int]) -> tf.data.Dataset:
    """Read the mini scale, preprocessed as the click logs are."""
    arrays = load_arrays(config.name, config.scale, reading.split)
    if not np.isin(arrays["targets"], (0.0, 1.0)).all():
        problem = f"a label of {reading.split} is neither 0 nor 1"
        raise DataError(damaged_message(config.name, config.scale, problem))
    strings = tf.where(arrays["vocabulary"] == b"", MISSING_CATEGORY, arrays["vocabulary"])
    ids = np.zeros(len(strings), np.float32)
    for column, count in enumerate(buckets):
        here = arrays["columns"] == column
        ids[here] = bucket_ids(strings[here], column, count)
    inputs = np.concatenate([scale_numbers(arrays["numbers"]), ids[arrays["codes"]]], axis=1)
    examples = {"inputs": inputs, "targets": arrays["targets"]}
    if reading.is_training:
        return training_batches(examples, reading, transform=lambda batch, rng: batch)
    return evaluation_batches(examples, reading.batch_size, transform=lambda batch: batch)


def click_logs(config: WorkloadConfig, reading: Reading) -> ReadableBatches:
    """Read the text files of Criteo's days, `day_<day>` or `day_<day>_<part>`.

    For training the files are shuffled, not their lines, as published; a later start reads over the
    lines before it without parsing them.
    """
    train, batch_size = reading.is_training, reading.batch_size
    folder = split_folder(config.name, config.scale, reading.split)
    files = sorted(str(file) for file in folder.glob("day_*"))
    if not files:
        raise DataError(
            f"The {reading.split} data of {config.name} ({config.scale}) is missing: no day_* "
            f"files in {folder}. Run: {prepare_command(config.name, config.scale)}"
        )
    names = tf.data.Dataset.from_tensor_slices(files)
    if train:
        names = names.shuffle(len(files), seed=reading.seed % 2**31).repeat()
    lines = tf.data.TextLineDataset(names).skip(reading.start_step * batch_size)

    def load(text: Tensor) -> Batch:
        batch = parse_lines(text)
        if train:
            return batch
        return pad_batch({**batch, "weights": tf.ones_like(batch["targets"])}, batch_size)

    batches = (
        lines.batch(batch_size, drop_remainder=train)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    return ReadableBatches(batches, config, reading.split, [Path(file) for file in files])


def parse_lines(lines: Tensor) -> Batch:
    """Parse lines `(batch,)`: label, 13 integers, 26 hexadecimal strings, separated by tabs."""
    defaults = [[0.0]] * (1 + INTEGERS) + [[MISSING_CATEGORY]] * len(BUCKETS)
    targets, *features = tf.io.decode_csv(
        lines, defaults, field_delim="\t", use_quote_delim=False, na_value=MISSING_MARK
    )
    is_label = tf.logical_or(tf.equal(targets, 0.0), tf.equal(targets, 1.0))
    tf.debugging.Assert(tf.reduce_all(is_label), ["a label is neither 0 nor 1"])
    numbers = scale_numbers(tf.stack(features[:INTEGERS], axis=1))
    ids = [
        bucket_ids(strings, column, buckets)
        for column, (strings, buckets) in enumerate(zip(features[INTEGERS:], BUCKETS, strict=True))
    ]
    return {"inputs": tf.concat([numbers, tf.stack(ids, axis=1)], axis=1), "targets": targets}


class ReadableBatches:
    """Batches of text files, whose damage is told in one line."""

    def __init__(
        self, batches: tf.data.Dataset, config: WorkloadConfig, split: Split, files: list[Path]
    ) -> None:
        self._batches = batches
        self._label = f"The {split} data of {config.name} ({config.scale})"
        self._files = files

    def __iter__(self) -> Iterator[Batch]:
        try:
            yield from self._batches
        except tf.errors.InvalidArgumentError:
            raise DataError(
                f"{self._label} is damaged: {find_damage(self._files)}. Get that file again."
            ) from None


def find_damage(files: Sequence[Path]) -> str:
    """Return the first line that cannot be read, with its place and what is wrong with it."""
    for file in files:
        with file.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                fields = line.rstrip(b"\r\n").split(b"\t")
                if problem := _problem(fields):
                    return f"{file}, line {number}: {problem}"
    return f"a line of {files[0].parent} is no text of {COLUMNS} fields"


def _problem(fields: Sequence[bytes]) -> str | None:
    if len(fields) != COLUMNS:
        return f"{len(fields)} fields instead of {COLUMNS}"
    if fields[0] not in (b"", MISSING_MARK.encode(), b"0", b"1"):
        return f"the label must be 0 or 1. Received: {fields[0][:20].decode(errors='replace')}"
    for field in fields[1 : 1 + INTEGERS]:
        try:
            float(field or 0)
        except ValueError:
            return f"a number was expected. Received: {field[:20].decode(errors='replace')}"
    return None


# Batches: inputs `(batch, numbers + categories)`, targets `(batch,)`, all float32.
READERS = {"full": click_logs, "mini": flights}
