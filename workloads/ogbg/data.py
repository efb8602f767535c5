"""Molecules as packed graphs: those of ogbg-molpcba, and of MoleculeACE for the mini scale.

Both scales have the same prepared format (`graphs.py`) and the same batches (`packing.py`).
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from keras import ops

from kit.contracts import Reading, WorkloadConfig
from kit.data import load_arrays
from kit.data.prepared import damaged_message
from kit.errors import DataError
from workloads.ogbg.graphs import Graphs, problem
from workloads.ogbg.packing import Arrays, Limits, packed, too_large

BATCHES_AHEAD = 4


def dataset(config: WorkloadConfig, reading: Reading, limits: Limits) -> PrefetchedBatches:
    """Return batches of packed graphs, float32 and int32.

    For training all graphs come in a new order in each pass; published is a shuffle buffer of
    32,768. Evaluation gives every graph once, in order.

    Raises:
        DataError: the data is missing or damaged, or a graph does not fit into a batch.
    """
    arrays = load_arrays(config.name, config.scale, reading.split, memory_mapped=True)
    if found := problem(arrays):
        raise DataError(damaged_message(config.name, config.scale, f"{reading.split}: {found}"))
    graphs = Graphs(arrays)
    _check_sizes(graphs, limits)

    def batches() -> Iterator[Arrays]:
        if not reading.is_training:
            return packed(graphs, limits, [np.arange(len(graphs))])
        orders = shuffled(len(graphs), reading.seed)
        return packed(graphs, limits, orders, start_step=reading.start_step)

    return PrefetchedBatches(batches)


class PrefetchedBatches:
    """Batches as tensors, packed ahead in a thread.

    `tf.data.Dataset.from_generator` kept training waiting for 5% of the time at the mini scale on
    two busy cores, this for 1%.
    """

    def __init__(self, start: Callable[[], Iterator[Arrays]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[dict[str, Any]]:
        batches = self._start()

        def following() -> dict[str, Any] | None:
            batch = next(batches, None)
            if batch is None:
                return None
            return {name: ops.convert_to_tensor(array) for name, array in batch.items()}

        worker = ThreadPoolExecutor(1)
        try:
            ahead = collections.deque(worker.submit(following) for _ in range(BATCHES_AHEAD))
            while (batch := ahead.popleft().result()) is not None:
                ahead.append(worker.submit(following))
                yield batch
        finally:
            worker.shutdown(wait=False, cancel_futures=True)


def shuffled(count: int, seed: int) -> Iterator[np.ndarray]:
    """Yield orders of `count` examples for ever, given by `seed`."""
    draw = np.random.RandomState(seed % 2**32)
    while True:
        yield draw.permutation(count)


def _check_sizes(graphs: Graphs, limits: Limits) -> None:
    nodes, edges = graphs.n_node, 2 * graphs.n_edge
    large = np.flatnonzero((nodes > limits.nodes) | (edges > limits.edges))
    if len(large):
        raise DataError(too_large(limits, int(nodes[large[0]]), int(edges[large[0]])))
