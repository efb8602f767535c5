"""The stream of batches and the delayed feedback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from kit.trainer.data import FeedbackDelay, Queue


def stream(batch_size: int) -> Iterator[dict[str, np.ndarray]]:
    for start in itertools.count(step=batch_size):
        yield {"inputs": np.arange(start, start + batch_size)}


def taken(queue: Queue, *sizes: int) -> list[list[int]]:
    return [np.asarray(queue.take(size)["inputs"]).tolist() for size in sizes]


def test_any_batch_size_continues_the_same_stream() -> None:
    queue = Queue(stream(4), 4)
    assert taken(queue, 4, 2, 1) == [[0, 1, 2, 3], [4, 5], [6]]
    assert np.asarray(next(queue)["inputs"]).tolist() == [7, 8, 9, 10]
    assert taken(queue, 9) == [list(range(11, 20))]
    assert taken(queue, 4) == [[20, 21, 22, 23]]


@pytest.mark.parametrize("size", [0, -1, 2.0])
def test_a_batch_size_is_a_positive_integer(size: object) -> None:
    with pytest.raises(ValueError, match="must be a positive integer. Received"):  # noqa: RUF043
        Queue(stream(4), 4).take(size)  # type: ignore[arg-type]


def test_feedback_is_visible_exactly_delay_steps_later() -> None:
    feedback = FeedbackDelay(2)
    seen = []
    for step in range(4):
        seen.append(feedback.latest())  # while the batch of `step` is drawn
        feedback.push({"step": np.asarray(step)})
    assert [int(f["step"]) if f else None for f in seen] == [None, None, 0, 1]


def test_a_delay_of_zero_cannot_be_kept() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        FeedbackDelay(0)
