"""Prepared graphs: arrays of all graphs one after the other, each bond once, without padding.

nodes      (all nodes, features)   whole numbers
edges      (all bonds, features)   whole numbers
senders    (all bonds,)            a bond's first node, counted from its graph's first
receivers  (all bonds,)            its other node
n_node     (graphs,)               how many nodes a graph has
n_edge     (graphs,)               how many bonds
targets    (graphs, tasks)         float32: 0, 1, or NaN where there is no label
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

NAMES = ("nodes", "edges", "senders", "receivers", "n_node", "n_edge", "targets")


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return start, start + 1, … of every range, one range after the other."""
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - ends + lengths, lengths)


def starts_of(lengths: np.ndarray) -> np.ndarray:
    """Return where each of consecutive ranges begins."""
    return np.cumsum(lengths, dtype=np.int64) - lengths


class Graphs:
    """Prepared arrays by name, from which some graphs can be taken."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = {name: arrays[name] for name in NAMES}
        self.n_node = np.asarray(arrays["n_node"], np.int64)
        self.n_edge = np.asarray(arrays["n_edge"], np.int64)

    def __len__(self) -> int:
        return len(self.n_node)

    @cached_property
    def first_nodes(self) -> np.ndarray:
        """Where the nodes of each graph begin."""
        return starts_of(self.n_node)

    @cached_property
    def first_edges(self) -> np.ndarray:
        """Where the bonds of each graph begin."""
        return starts_of(self.n_edge)

    def select(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays of the graphs `chosen`, in that order."""
        nodes = ranges(self.first_nodes[chosen], self.n_node[chosen])
        edges = ranges(self.first_edges[chosen], self.n_edge[chosen])
        rows = dict.fromkeys(NAMES, chosen) | {"nodes": nodes}
        rows |= dict.fromkeys(("edges", "senders", "receivers"), edges)
        return {name: array[rows[name]] for name, array in self.arrays.items()}

    def join(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Return the graphs `chosen` as one graph, the content of a batch without padding.

        Of each graph the bonds come first, then the same bonds in the other direction, as
        published. A missing label becomes a target 0 of weight 0.
        """
        n_node, n_edge = self.n_node[chosen], self.n_edge[chosen]
        twice = np.repeat(n_edge, 2)
        edges = ranges(np.repeat(self.first_edges[chosen], 2), twice)
        back = np.repeat(np.arange(len(twice)) % 2 == 1, twice)
        offsets = np.repeat(starts_of(n_node), 2 * n_edge)
        one, other = self.arrays["senders"][edges], self.arrays["receivers"][edges]
        nodes = ranges(self.first_nodes[chosen], n_node)
        targets = np.asarray(self.arrays["targets"][chosen], np.float32)
        return {
            "nodes": self.arrays["nodes"][nodes].astype(np.float32),
            "edges": self.arrays["edges"][edges].astype(np.float32),
            "senders": (np.where(back, other, one) + offsets).astype(np.int32),
            "receivers": (np.where(back, one, other) + offsets).astype(np.int32),
            "n_node": n_node.astype(np.int32),
            "n_edge": (2 * n_edge).astype(np.int32),
            "targets": np.nan_to_num(targets),
            "weights": (~np.isnan(targets)).astype(np.float32),
        }


def problem(arrays: Mapping[str, np.ndarray]) -> str | None:
    """Return what is wrong with prepared arrays, or None."""
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        return f"there is no array {missing[0]}"
    n_node, n_edge = arrays["n_node"], arrays["n_edge"]
    graphs = len(arrays["targets"])
    if len(n_node) != graphs or len(n_edge) != graphs:
        return f"sizes of {len(n_node)} and {len(n_edge)} graphs for labels of {graphs}"
    if graphs == 0 or n_node.min() < 1 or n_edge.min() < 0:
        return "a graph has no node"
    for name, expected in (
        ("nodes", n_node.sum()),
        ("edges", n_edge.sum()),
        ("senders", n_edge.sum()),
        ("receivers", n_edge.sum()),
    ):
        if len(arrays[name]) != expected:
            return f"{len(arrays[name])} {name} instead of {expected}"
    nodes_of_graph = np.repeat(n_node, n_edge)
    for name in ("senders", "receivers"):
        if ((arrays[name] < 0) | (arrays[name] >= nodes_of_graph)).any():
            return f"one of the {name} is no node of its graph"
    targets = arrays["targets"]
    if not (np.isnan(targets) | (targets == 0.0) | (targets == 1.0)).all():
        return "a label is neither 0 nor 1 nor NaN"
    return None
