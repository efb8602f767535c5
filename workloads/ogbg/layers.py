"""Layers of the graph network: products before look-ups, sums over edges and graphs.

Many graphs are packed into one: `nodes` `(nodes, width)` and `edges` `(edges, width)` of all graphs
one after the other; edge e goes from node `senders[e]` to node `receivers[e]` of the same graph.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any
Shape = tuple[int | None, ...]


class GraphOfNode(keras.layers.Layer):
    """The graph that each node belongs to, `(nodes,)`, from how many nodes each graph has."""

    def call(self, nodes: Tensor, n_node: Tensor) -> Tensor:
        ends = ops.cumsum(n_node)
        found = ops.searchsorted(ends, ops.arange(nodes.shape[0], dtype="int32"), side="right")
        return ops.cast(found, "int32")

    def compute_output_spec(self, nodes: Tensor, n_node: Tensor) -> Tensor:
        return keras.KerasTensor((nodes.shape[0],), dtype="int32")


class SumOver(keras.layers.Layer):
    """Sums of `rows` that have the same index, `(len(like), width)`; 0 where none has it."""

    def call(self, rows: Tensor, indices: Tensor, like: Tensor) -> Tensor:
        return ops.segment_sum(rows, indices, num_segments=like.shape[0])

    def compute_output_spec(self, rows: Tensor, indices: Tensor, like: Tensor) -> Tensor:
        return keras.KerasTensor((like.shape[0], rows.shape[-1]), dtype=self.compute_dtype)


class PartsDense(keras.layers.Layer):
    """A dense layer on the concatenation of parts, of which some are looked up row by row.

    The parameters are those of the concatenation: a kernel `(sum of widths, units)`, LeCun normal,
    and a bias that starts at zero. A product of nodes or graphs is made before the look-up: for
    every node, not for every edge.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def add_parameters(self, width: int) -> None:
        shape = (width, self.units)
        self.kernel = self.add_weight(shape=shape, initializer="lecun_normal", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def products(self, *parts: Tensor) -> list[Tensor]:
        """Return the product of each part with its rows of the kernel."""
        kernel, products, start = ops.convert_to_tensor(self.kernel), [], 0
        for part in parts:
            end = start + part.shape[-1]
            products.append(ops.matmul(part, kernel[start:end]))
            start = end
        return products

    def compute_output_spec(self, first: Tensor, *_: Tensor) -> Tensor:
        return keras.KerasTensor((first.shape[0], self.units), dtype=self.compute_dtype)


class EdgeDense(PartsDense):
    """Acts on [edge, its sender, its receiver, its graph]."""

    def build(self, edges_shape: Shape, nodes_shape: Shape, graphs_shape: Shape) -> None:
        self.add_parameters(edges_shape[-1] + 2 * nodes_shape[-1] + graphs_shape[-1])

    def call(
        self,
        edges: Tensor,
        nodes: Tensor,
        graphs: Tensor,
        senders: Tensor,
        receivers: Tensor,
        graph_of_node: Tensor,
    ) -> Tensor:
        of_edge, of_sender, of_receiver, of_graph = self.products(edges, nodes, nodes, graphs)
        # An edge lies in its sender's graph.
        of_sender = of_sender + ops.take(of_graph + self.bias, graph_of_node, axis=0)
        of_ends = ops.take(of_sender, senders, axis=0) + ops.take(of_receiver, receivers, axis=0)
        return of_edge + of_ends


class NodeDense(PartsDense):
    """Acts on [node, sum of edges sent, sum of edges received, its graph]."""

    def build(self, nodes_shape: Shape, sent_shape: Shape, graphs_shape: Shape) -> None:
        self.add_parameters(nodes_shape[-1] + 2 * sent_shape[-1] + graphs_shape[-1])

    def call(
        self, nodes: Tensor, sent: Tensor, received: Tensor, graphs: Tensor, graph_of_node: Tensor
    ) -> Tensor:
        of_nodes, of_graph = self.products(
            ops.concatenate([nodes, sent, received], axis=-1), graphs
        )
        return of_nodes + ops.take(of_graph + self.bias, graph_of_node, axis=0)
