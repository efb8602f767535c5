"""DLRM-small: dense features and looked-up categories meet in pairwise products.

Layer names equal those of the golden files. Sources: Naumov et al. 2019 (arXiv:1906.00091),
figure 1; AlgoPerf `criteo1tb`. The defaults are the published network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kit.contracts import Dropout, LayerNormalization

Tensor = Any


class EmbeddingTable(keras.layers.Layer):
    """One table for the ids of all columns; new values are uniform in [0, `init_scale`)."""

    def __init__(self, rows: int, width: int, *, init_scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows
        self.width = width
        self.init_scale = init_scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.table = self.add_weight(
            shape=(self.rows, self.width),
            # Not centred at zero, as published.
            initializer=keras.initializers.RandomUniform(0.0, self.init_scale),
            name="table",
        )

    def call(self, inputs: Tensor) -> Tensor:
        # No offset per column, as published: columns with few categories share the first rows.
        return ops.take(self.table, ops.mod(inputs, self.rows), axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self.width)


def pairwise_products(vectors: Tensor) -> Tensor:
    """Return the inner products of all pairs of `vectors` `(batch, count, width)`, row by row.

    `(batch, count * (count + 1) / 2)`. The diagonal, each vector with itself, is part of it, as
    published; Naumov et al. leave it out.
    """
    count = vectors.shape[1]
    products = ops.matmul(vectors, ops.transpose(vectors, (0, 2, 1)))  # (batch, count, count)
    upper = np.flatnonzero(np.triu(np.ones((count, count))))
    # One look-up takes two thirds of the time of `count` slices, forward and backward.
    return ops.take(ops.reshape(products, (-1, count * count)), upper, axis=1)


class Stack:
    """Hands out the layers of the network in order, so that names count on over its parts."""

    def __init__(self, *, layer_norm: bool) -> None:
        self.layer_norm = layer_norm
        self.dense_layers = 0
        self.norms = 0

    def dense(self, x: Tensor, units: int, kernel_initializer: Any, activation: str | None) -> Any:
        """Apply a dense layer whose biases start normal with variance 1 / units, as published."""
        name = f"Dense_{self.dense_layers}"
        self.dense_layers += 1
        return keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=kernel_initializer,
            bias_initializer=keras.initializers.RandomNormal(stddev=math.sqrt(1 / units)),
            name=name,
        )(x)

    def normalize(self, x: Tensor) -> Tensor:
        """Apply layer normalisation over the last axis, in the variant that has it."""
        if not self.layer_norm:
            return x
        name = f"LayerNorm_{self.norms}"
        self.norms += 1
        return LayerNormalization(name=name)(x)


def glorot_normal(fan_in: int, fan_out: int) -> Any:
    """Return a normal initializer that is not truncated, unlike the one of Keras."""
    return keras.initializers.RandomNormal(stddev=math.sqrt(2 / (fan_in + fan_out)))


def build_model(
    *,
    dense_features: int = 13,
    categories: int = 26,
    vocab_size: int = 4_194_304,
    embed_dim: int = 128,
    mlp_bottom_dims: Sequence[int] = (512, 256, 128),
    mlp_top_dims: Sequence[int] = (1024, 1024, 512, 256, 1),
    embedding_init_scale: float | None = None,
    layer_norm: bool = False,
    residual: bool = False,
    dropout_rate: float = 0.0,
) -> keras.Model:
    """Build the network; inputs `(batch, dense_features + categories)`, outputs `(batch, 1)`.

    The last columns are category ids. `embedding_init_scale` is 1 / sqrt(vocab_size) unless given.
    `layer_norm` normalises after every activation and after the look-up. `residual` adds each
    hidden layer to its input and replaces the products by the vectors themselves.
    """
    stack = Stack(layer_norm=layer_norm)
    inputs = keras.Input((dense_features + categories,))
    x = inputs[:, :dense_features]
    for depth, units in enumerate(mlp_bottom_dims):
        hidden = stack.normalize(stack.dense(x, units, "glorot_uniform", "relu"))
        x = x + hidden if residual and depth else hidden

    scale = 1 / math.sqrt(vocab_size) if embedding_init_scale is None else embedding_init_scale
    # Ids came as float32, so those above 2**24 were rounded to even numbers or multiples of four.
    ids = ops.cast(inputs[:, dense_features:], "int32")
    table = EmbeddingTable(vocab_size, embed_dim, init_scale=scale, name="embedding_table")
    vectors = stack.normalize(table(ids))  # (batch, categories, embed_dim)
    if residual:
        features = ops.reshape(vectors, (-1, categories * embed_dim))
    else:
        features = pairwise_products(ops.concatenate([x[:, np.newaxis], vectors], axis=1))
    x = ops.concatenate([x, features], axis=-1)

    *hidden_dims, outputs = mlp_top_dims
    for depth, units in enumerate(hidden_dims):
        hidden = stack.dense(x, units, glorot_normal(x.shape[-1], units), "relu")
        hidden = stack.normalize(hidden)
        if depth == len(hidden_dims) - 1:  # the only dropout, as published
            hidden = Dropout(dropout_rate)(hidden)
        x = x + hidden if residual and depth else hidden
    return keras.Model(inputs, stack.dense(x, outputs, glorot_normal(x.shape[-1], outputs), None))
