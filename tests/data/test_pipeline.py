from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kit.contracts import Reading, Split
from kit.data.pipeline import evaluation_batches, padded_batches, training_batches

ARRAYS = {"inputs": np.arange(10, dtype=np.int32), "targets": np.arange(10, 20, dtype=np.int32)}


def stream(seed: int, batches: int, batch_size: int = 4) -> list[list[int]]:
    dataset = training_batches(
        ARRAYS, Reading(Split.TRAIN, batch_size, seed), transform=lambda batch, rng: {**batch, "rng": rng}
    )
    return [batch["inputs"].numpy().tolist() for batch in itertools.islice(dataset, batches)]


def test_every_example_is_seen_once_in_each_pass():
    seen = list(itertools.chain(*stream(0, 5)))
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10] != seen[10:]


@pytest.mark.parametrize("start_step", [1, 2, 3, 7])
@pytest.mark.parametrize("batch_size", [4, 10, 16])
def test_stream_can_begin_at_any_step(batch_size, start_step):
    def rest(start_step: int = 0) -> list[list[int]]:
        dataset = training_batches(
            ARRAYS,
            Reading(Split.TRAIN, batch_size, 5, start_step),
            transform=lambda batch, rng: {**batch, "rng": rng},
        )
        return [
            [*batch["inputs"].numpy(), *batch["rng"].numpy()]
            for batch in itertools.islice(dataset, 12)
        ]

    assert np.array_equal(rest(start_step)[:3], rest()[start_step : start_step + 3])


def test_stream_depends_on_the_seed_alone():
    assert stream(1, 8) == stream(1, 8)
    assert stream(1, 8) != stream(2, 8)


def test_seed_may_be_any_size():
    assert stream(2**63 + 5, 2) == stream(2**63 + 5, 2)


def test_inputs_and_targets_stay_together_and_rng_differs_by_batch():
    dataset = training_batches(
        ARRAYS, Reading(Split.TRAIN, 4, 3), transform=lambda batch, rng: {**batch, "rng": rng}
    )
    batches = list(itertools.islice(dataset, 3))
    for batch in batches:
        assert (batch["targets"].numpy() == batch["inputs"].numpy() + 10).all()
    assert [batch["rng"].numpy().tolist() for batch in batches] == [[3, 0], [3, 1], [3, 2]]


@pytest.mark.parametrize("batch_size", [1, 4, 5, 16])
def test_evaluation_gives_every_example_once_in_order(batch_size):
    dataset = evaluation_batches(ARRAYS, batch_size, transform=lambda batch: batch)
    check_evaluation(dataset, batch_size)


@pytest.mark.parametrize("batch_size", [1, 4, 5, 16])
def test_padding_of_single_examples_does_the_same(batch_size):
    check_evaluation(
        padded_batches(tf.data.Dataset.from_tensor_slices(ARRAYS), batch_size), batch_size
    )


def check_evaluation(dataset: tf.data.Dataset, batch_size: int) -> None:
    batches = [{name: t.numpy() for name, t in batch.items()} for batch in dataset]
    assert all(len(batch["inputs"]) == batch_size for batch in batches)
    weights = np.concatenate([batch["weights"] for batch in batches])
    inputs = np.concatenate([batch["inputs"] for batch in batches])
    assert inputs[weights == 1].tolist() == list(range(10))
    assert weights.tolist() == [1.0] * 10 + [0.0] * (-10 % batch_size)
    assert dataset.element_spec["inputs"].shape[0] in (batch_size, None)
