"""Random graphs of about the average size of molecules, for benchmarks without data."""

from __future__ import annotations

import numpy as np

from workloads.ogbg.graphs import Graphs
from workloads.ogbg.packing import Arrays, Limits, packed

LABELLED = 1 / 3
POSITIVE = 1 / 3


def random_batch(
    limits: Limits, *, node_features: int, edge_features: int, tasks: int, seed: int
) -> Arrays:
    """Return a batch of random graphs whose bonds join neighbours, as far as the limits allow."""
    draw = np.random.default_rng(seed)
    mean = limits.nodes / limits.graphs
    n_node = draw.normal(mean, mean / 4, limits.graphs).clip(2, 2 * mean).astype(np.int64)
    n_edge = n_node * limits.edges // (2 * limits.nodes)
    nodes_of_graph = np.repeat(n_node, n_edge)
    senders = draw.integers(0, nodes_of_graph)
    labels = (draw.random((limits.graphs, tasks)) < POSITIVE).astype(np.float32)
    labels[draw.random(labels.shape) > LABELLED] = np.nan
    graphs = Graphs(
        {
            "nodes": draw.integers(0, 6, (n_node.sum(), node_features)),
            "edges": draw.integers(0, 4, (n_edge.sum(), edge_features)),
            "senders": senders,
            "receivers": (senders + 1) % nodes_of_graph,
            "n_node": n_node,
            "n_edge": n_edge,
            "targets": labels,
        }
    )
    return next(packed(graphs, limits, [np.arange(limits.graphs)]))
