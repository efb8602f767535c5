"""Vision Transformer: patches as tokens, fixed positions, mean pooling, no class token.

Layer names equal those of the golden files. Sources: Dosovitskiy et al. 2021 (arXiv:2010.11929);
Beyer, Zhai & Kolesnikov 2022 (arXiv:2205.01580) for the simplified network; AlgoPerf
`imagenet_vit`. The defaults are ViT-S/16 for ImageNet.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kit.contracts import Dropout
from workloads.imagenet_vit.encoder import AttentionPooling, Encoder, EncoderBlock

Tensor = Any


def sinusoids(rows: int, columns: int, width: int, temperature: float = 10_000.0) -> np.ndarray:
    """Return the positions of a grid of tokens, row by row: `(rows * columns, width)`.

    Token (y, x) gets sin and cos of x times every frequency, then of y.
    """
    count = width // 4
    frequencies = temperature ** (-np.arange(count) / (count - 1))
    y, x = np.mgrid[:rows, :columns].reshape(2, -1, 1) * frequencies  # (tokens, count) each
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1).astype(np.float32)


class PatchEmbedding(keras.layers.Layer):
    """A convolution without overlap, computed as what it is: a product of matrices."""

    def __init__(self, width: int, patch_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.patch_size = patch_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.patch_size, self.patch_size, input_shape[-1], self.width)
        self.kernel = self.add_weight(shape=shape, name="kernel", initializer="lecun_normal")
        self.bias = self.add_weight(shape=(self.width,), name="bias", initializer="zeros")

    def call(self, images: Tensor) -> Tensor:
        size = self.patch_size
        rows, columns, channels = images.shape[1] // size, images.shape[2] // size, images.shape[3]
        x = images[:, : rows * size, : columns * size]  # "valid": pixels that are left are unseen
        x = ops.reshape(x, (-1, rows, size, columns, size, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (batch, rows, columns, size, size, channels)
        x = ops.reshape(x, (-1, rows * columns, size * size * channels))
        return ops.matmul(x, ops.reshape(self.kernel, (-1, self.width))) + self.bias


def build_model(
    *,
    width: int = 384,
    depth: int = 12,
    mlp_dim: int = 1536,
    num_heads: int = 6,
    patch_size: int = 16,
    num_classes: int = 1000,
    image_size: int = 224,
    channels: int = 3,
    dropout_rate: float = 0.0,
    gated_mlp: bool = False,
    post_ln: bool = False,
    pooling: Literal["mean", "attention"] = "mean",
) -> keras.Model:
    """Build the network; inputs are normalised images `(batch, height, width, channels)`.

    The last layer starts at zero, bias too: initial outputs are exactly 0, and the first gradient
    of every parameter below it is exactly zero.
    """
    inputs = keras.Input((image_size, image_size, channels))
    x = PatchEmbedding(width, patch_size, name="conv_patch_extract")(inputs)
    side = image_size // patch_size
    x = Dropout(dropout_rate)(x + sinusoids(side, side, width))
    block = partial(
        EncoderBlock, width, mlp_dim, num_heads, gated_mlp=gated_mlp, dropout_rate=dropout_rate
    )
    x = Encoder(depth, post_ln=post_ln, block=block, name="Transformer")(x)
    if pooling == "attention":
        x = AttentionPooling(width, mlp_dim, num_heads, name="MAPHead_0")(x)
    else:
        x = ops.mean(x, axis=1)  # (batch, width)
    x = keras.layers.Dense(
        width, activation="tanh", kernel_initializer="lecun_normal", name="pre_logits"
    )(x)
    logits = keras.layers.Dense(num_classes, kernel_initializer="zeros", name="head")(x)
    return keras.Model(inputs, logits)
