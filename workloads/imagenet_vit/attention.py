"""Multi-head attention whose parameters have the published shapes: one axis for the heads.

Source: Vaswani et al. 2017 (arXiv:1706.03762), section 3.2; AlgoPerf `imagenet_vit`.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

Tensor = Any


class FlatXavierUniform(keras.initializers.Initializer):
    """Xavier uniform with the fans of the kernel as a matrix, its head axes taken as one.

    Keras would read `(width, heads, depth)` as a convolution kernel and use other fans.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.draw = keras.initializers.GlorotUniform()

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        matrix = self.draw((self.rows, math.prod(shape) // self.rows), dtype=dtype)
        return ops.reshape(matrix, shape)


class Projection(keras.layers.Layer):
    """An affine map whose kernel has shape `kernel_shape`; it acts as a matrix of `rows` rows."""

    def __init__(self, kernel_shape: tuple[int, ...], rows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_shape = kernel_shape
        self.rows = rows

    def build(self, input_shape: tuple[int | None, ...] | None = None) -> None:
        split = 1  # the axes before it are inputs
        while math.prod(self.kernel_shape[:split]) < self.rows:
            split += 1
        self.kernel = self.add_weight(
            shape=self.kernel_shape, name="kernel", initializer=FlatXavierUniform(self.rows)
        )
        self.bias = self.add_weight(
            shape=self.kernel_shape[split:], name="bias", initializer="zeros"
        )

    def matrix(self) -> tuple[Tensor, Tensor]:
        """Return kernel `(rows, columns)` and bias `(columns,)`."""
        return ops.reshape(self.kernel, (self.rows, -1)), ops.reshape(self.bias, (-1,))

    def call(self, inputs: Tensor) -> Tensor:
        kernel, bias = self.matrix()
        return ops.matmul(inputs, kernel) + bias


class MultiHeadAttention(keras.layers.Layer):
    """Attention of `queries` `(batch, n, width)` to `tokens` `(batch, m, width)`, with biases.

    No mask, and no dropout on the attention weights.
    """

    def __init__(self, width: int, num_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.num_heads = num_heads
        self.depth = width // num_heads
        inward, outward = (width, num_heads, self.depth), (num_heads, self.depth, width)
        self.query = Projection(inward, width, name="query")
        self.key = Projection(inward, width, name="key")
        self.value = Projection(inward, width, name="value")
        self.out = Projection(outward, width, name="out")

    def build(self, *_: Any, **__: Any) -> None:
        for projection in (self.query, self.key, self.value, self.out):
            projection.build()

    def call(self, queries: Tensor, tokens: Tensor) -> Tensor:
        query = self._heads(self.query(queries)) / math.sqrt(self.depth)
        key, value = self._heads(self.key(tokens)), self._heads(self.value(tokens))
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))  # (batch, heads, n, m)
        mixed = ops.matmul(ops.softmax(scores, axis=-1), value)  # (batch, heads, n, depth)
        joined = ops.transpose(mixed, (0, 2, 1, 3))  # (batch, n, heads, depth)
        return self.out(ops.reshape(joined, (-1, queries.shape[1], self.width)))

    def _heads(self, x: Tensor) -> Tensor:
        """Return `(batch, heads, tokens, depth)` of `(batch, tokens, width)`."""
        split = ops.reshape(x, (-1, x.shape[1], self.num_heads, self.depth))
        return ops.transpose(split, (0, 2, 1, 3))
