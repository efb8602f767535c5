"""Packing: many graphs in one batch of a fixed size, the rest of which is padding.

Behind the graphs comes one of padding, which owns all nodes and edges that are left (edges lead
from its first node to itself), then empty ones. Source: AlgoPerf `ogbg` and the dynamic batching of
Jraph; checked against a golden file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.ogbg.graphs import Graphs, starts_of

OF_EDGES = ("edges", "senders", "receivers")
OF_GRAPHS = ("n_node", "n_edge", "targets", "weights")
NAMES = ("nodes", *OF_EDGES, *OF_GRAPHS)
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Limits:
    """How many nodes, edges and graphs a batch has room for besides padding."""

    nodes: int
    edges: int
    graphs: int

    @classmethod
    def of(
        cls,
        batch_size: int,
        *,
        nodes_per_graph: int,
        edges_per_graph: int,
        largest_graph: Sequence[int] = (0, 0),
    ) -> Limits:
        """Return limits in proportion to `batch_size`.

        There is always room for one graph with the nodes and edges of `largest_graph`, so that
        small batches are possible; the published limits know no such exception.
        """
        nodes, edges = largest_graph
        return cls(
            max(nodes_per_graph * batch_size, nodes),
            max(edges_per_graph * batch_size, edges),
            batch_size,
        )

    def fitting(self, n_node: np.ndarray, n_edge: np.ndarray) -> int:
        """Return how many of the first graphs, with so many nodes and edges, fit in together."""
        nodes, edges = np.cumsum(n_node[: self.graphs]), np.cumsum(n_edge[: self.graphs])
        return int(np.count_nonzero((nodes <= self.nodes) & (edges <= self.edges)))

    def lengths(self) -> dict[str, int]:
        """Return the lengths of a batch's arrays: one node and one graph more, for padding."""
        return (
            {"nodes": self.nodes + 1}
            | dict.fromkeys(OF_EDGES, self.edges)
            | dict.fromkeys(OF_GRAPHS, self.graphs + 1)
        )


def packed(
    graphs: Graphs, limits: Limits, orders: Iterable[np.ndarray], *, start_step: int = 0
) -> Iterator[Arrays]:
    """Yield batches of the graphs in the given orders from `start_step` on, padded."""
    for chosen in itertools.islice(members(graphs, limits, orders), start_step, None):
        yield pad(graphs.join(chosen), limits)


def members(graphs: Graphs, limits: Limits, orders: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield which graphs belong to a batch, in the given orders, one order after the other.

    A graph that does not fit any more begins the next batch. Only the last batch may hold fewer
    graphs than fit; where orders never end, there is none.
    """

    def count_fitting() -> int:
        ahead = waiting[: limits.graphs]
        return limits.fitting(graphs.n_node[ahead], 2 * graphs.n_edge[ahead])

    waiting = np.zeros(0, np.int64)
    for order in orders:
        waiting = np.concatenate([waiting, order])
        while (count := count_fitting()) < len(waiting):  # else the next order may bring more
            yield waiting[:count]
            waiting = waiting[count:]
    if len(waiting):
        yield waiting


def pad(content: Arrays, limits: Limits) -> Arrays:
    """Append padding to graphs that fit."""
    padded = {}
    for name, length in limits.lengths().items():
        array = content[name]
        filling = len(content["nodes"]) if name in ("senders", "receivers") else 0
        padded[name] = np.full((length, *array.shape[1:]), filling, array.dtype)
        padded[name][: len(array)] = array
    graphs = len(content["n_node"])
    padded["n_node"][graphs] = len(padded["nodes"]) - len(content["nodes"])
    padded["n_edge"][graphs] = len(padded["edges"]) - len(content["edges"])
    return padded


def unpad(batch: Mapping[str, Any]) -> Arrays:
    """Return the content of a batch without its padding."""
    arrays = {name: np.asarray(batch[name]) for name in NAMES}
    graphs = int(np.flatnonzero(arrays["n_node"])[-1])  # the last that is not empty is padding
    return _first(arrays, graphs)


def cut(parts: Sequence[Mapping[str, Any]], limits: Limits) -> tuple[Arrays, Arrays | None] | None:
    """Do as `Workload.cut` says: pack the first graphs of `parts` within other limits.

    Raises:
        ValueError: not one graph fits.
    """
    contents = [unpad(part) for part in parts]
    n_node, n_edge = (np.concatenate([c[name] for c in contents]) for name in ("n_node", "n_edge"))
    count = limits.fitting(n_node, n_edge)
    if count == 0:
        raise ValueError(too_large(limits, int(n_node[0]), int(n_edge[0])))
    if count == len(n_node) < limits.graphs:
        return None
    joined = {name: np.concatenate([c[name] for c in contents]) for name in NAMES}
    offsets = np.repeat(
        starts_of(np.array([len(c["nodes"]) for c in contents])),
        [len(c["edges"]) for c in contents],
    )
    for name in ("senders", "receivers"):
        joined[name] = (joined[name] + offsets).astype(np.int32)
    first = pad(_first(joined, count), limits)
    if count == len(n_node):
        return first, None
    nodes, edges = int(n_node[:count].sum()), int(n_edge[:count].sum())
    starts = {"nodes": nodes} | dict.fromkeys(OF_EDGES, edges) | dict.fromkeys(OF_GRAPHS, count)
    rest = {name: joined[name][start:] for name, start in starts.items()}
    for name in ("senders", "receivers"):
        rest[name] = rest[name] - nodes
    return first, pad(rest, Limits(len(rest["nodes"]), len(rest["edges"]), len(rest["n_node"])))


def too_large(limits: Limits, nodes: int, edges: int) -> str:
    """Return what to say of a graph that fits in no batch."""
    return (
        f"A graph of {nodes} nodes and {edges} edges does not fit into a batch of size "
        f"{limits.graphs}, which has room for {limits.nodes} and {limits.edges}. "
        f"Use a larger batch size."
    )


def _first(content: Arrays, graphs: int) -> Arrays:
    """Return the first graphs of arrays that begin with them."""
    nodes, edges = (int(content[name][:graphs].sum()) for name in ("n_node", "n_edge"))
    ends = {"nodes": nodes} | dict.fromkeys(OF_EDGES, edges) | dict.fromkeys(OF_GRAPHS, graphs)
    return {name: content[name][:end] for name, end in ends.items()}
