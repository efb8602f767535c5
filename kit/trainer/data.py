"""The training data and the feedback as `TrainingAlgorithm.batches` sees them."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kit.contracts import Split, Workload
from kit.contracts.workload import cut_examples

Batch = Mapping[str, Any]
Cut = Callable[[Sequence[Batch], int], tuple[Batch, Batch | None] | None]


class Queue:
    """An endless stream of examples, dealt in batches (the contract's `BatchQueue`).

    `cut` makes batches of another size (`Workload.cut`).
    """

    def __init__(self, dataset: Any, batch_size: int, cut: Cut = cut_examples) -> None:
        self._batches = iter(dataset)
        self._batch_size = batch_size
        self._cut = cut
        self._left: Batch | None = None  # examples cut off by `take`, before the next batch
        self.wait_seconds = 0.0

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self._read() if self._left is None else self.take(self._batch_size)

    def take(self, batch_size: int) -> Batch:
        """Return the next `batch_size` examples of the stream.

        Raises:
            ValueError: the size is not a positive integer.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"A batch size must be a positive integer. Received: {batch_size!r}.")
        if self._left is None and batch_size == self._batch_size:
            return self._read()
        parts = [self._read() if self._left is None else self._left]
        while (found := self._cut(parts, batch_size)) is None:
            parts.append(self._read())
        batch, self._left = found
        return batch

    def _read(self) -> Batch:
        start = time.perf_counter()
        batch: Batch = next(self._batches)
        self.wait_seconds += time.perf_counter() - start
        return batch


def training_queue(workload: Workload, batch_size: int, seed: int) -> Queue:
    """Return the stream of training batches that `seed` gives, in any process."""
    keras.utils.set_random_seed(seed)  # a shuffle's order depends on the framework's seed too
    return Queue(workload.dataset(Split.TRAIN, batch_size, seed), batch_size, workload.cut)


class FeedbackDelay:
    """Holds feedback back for exactly `delay` steps (the contract's `Feedback`).

    While the batch of step t is drawn, the feedback of step t - delay is visible and none later,
    however far the device has come: results do not depend on timing.
    """

    def __init__(self, delay: int) -> None:
        if delay < 1:
            raise ValueError(f"feedback_delay must be at least 1. Received: {delay}.")
        self._waiting: collections.deque[Mapping[str, Any]] = collections.deque(maxlen=delay)

    def push(self, feedback: Mapping[str, Any]) -> None:
        """Add the feedback of the step that was just started."""
        self._waiting.append(feedback)

    def latest(self) -> Mapping[str, Any]:
        """Return the visible feedback as NumPy values; empty before step `delay`."""
        if len(self._waiting) < (self._waiting.maxlen or 0):
            return {}
        return {name: ops.convert_to_numpy(value) for name, value in self._waiting[0].items()}
