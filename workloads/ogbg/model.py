"""Graph network: edges, nodes and whole graphs update each other for a few steps.

Layer names equal those of the golden files. Sources: Battaglia et al. 2018 (arXiv:1806.01261),
algorithm 1; AlgoPerf `ogbg`. The defaults are the published network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from kit.contracts import Dropout, LayerNormalization
from workloads.ogbg.layers import EdgeDense, GraphOfNode, NodeDense, SumOver

Tensor = Any

INPUTS = ("nodes", "edges", "senders", "receivers", "n_node")
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
    "gelu": partial(keras.activations.gelu, approximate=True),
}


plain = partial(keras.layers.Dense, kernel_initializer="lecun_normal")


class Perceptrons:
    """Hands out the perceptrons in order, so that the names of their layers count on."""

    def __init__(self, widths: Sequence[int], activation: str, dropout_rate: float) -> None:
        self.widths = widths
        self.activation = ACTIVATIONS[activation]
        self.dropout_rate = dropout_rate
        self.layers = 0

    def __call__(self, first: Callable[..., Any], *inputs: Tensor) -> Tensor:
        """Apply the next perceptron, whose first dense layer is `first`, to `inputs`."""
        for dense, width in zip([first, *[plain] * len(self.widths)], self.widths, strict=False):
            x = dense(width, name=f"Dense_{self.layers}")(*inputs)
            x = LayerNormalization(name=f"LayerNorm_{self.layers}")(x)
            inputs = (Dropout(self.dropout_rate)(self.activation(x)),)
            self.layers += 1
        return inputs[0]


def build_model(
    *,
    latent_dim: int = 256,
    hidden_dims: Sequence[int] = (256,),
    num_message_passing_steps: int = 5,
    num_outputs: int = 128,
    node_features: int = 9,
    edge_features: int = 3,
    activation: Literal["relu", "silu", "gelu"] = "relu",
    dropout_rate: float = 0.1,
) -> keras.Model:
    """Build the network; inputs are a dict of the arrays `INPUTS`, outputs `(graphs, num_outputs)`.

    `nodes` `(nodes, node_features)`, `edges` `(edges, edge_features)`; `senders` and `receivers`
    `(edges,)` are nodes; `n_node` `(graphs,)` adds up to the number of nodes.
    """
    nodes = keras.Input((node_features,), name="nodes")
    edges = keras.Input((edge_features,), name="edges")
    senders, receivers, n_node = (
        keras.Input((), dtype="int32", name=name) for name in ("senders", "receivers", "n_node")
    )
    inputs = dict(zip(INPUTS, (nodes, edges, senders, receivers, n_node), strict=True))
    graph_of_node = GraphOfNode()(nodes, n_node)
    nodes = plain(latent_dim, name="node_embedding")(nodes)
    edges = plain(latent_dim, name="edge_embedding")(edges)
    # As published: as wide as the outputs, and zero before the first step.
    graphs = ops.zeros((1, num_outputs)) * ops.cast(n_node, "float32")[:, None]
    perceptron = Perceptrons(hidden_dims, activation, dropout_rate)
    for _ in range(num_message_passing_steps):
        edges = perceptron(EdgeDense, edges, nodes, graphs, senders, receivers, graph_of_node)
        sent = SumOver()(edges, senders, nodes)
        received = SumOver()(edges, receivers, nodes)
        nodes = perceptron(NodeDense, nodes, sent, received, graphs, graph_of_node)
        # The edges of a graph are those that its nodes send.
        both = SumOver()(ops.concatenate([nodes, sent], axis=-1), graph_of_node, n_node)
        graphs = perceptron(plain, ops.concatenate([both, graphs], axis=-1))
    logits = plain(num_outputs, name=f"Dense_{perceptron.layers}")(graphs)
    return keras.Model(inputs, logits)
