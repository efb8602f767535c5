"""The Transformer encoder of the ViT and its pooling by attention.

Layer names equal those of the golden files. Source: Dosovitskiy et al. 2021 (arXiv:2010.11929).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops

from kit.contracts import Dropout, LayerNormalization
from workloads.imagenet_vit.attention import MultiHeadAttention

Tensor = Any

gelu = partial(keras.activations.gelu, approximate=True)


class MlpBlock(keras.layers.Layer):
    """Two dense layers with GELU between them; with `gated` three, see below.

    Without `dropout_rate` nothing is dropped, whatever the rate of the pass.
    """

    def __init__(
        self,
        width: int,
        mlp_dim: int,
        *,
        gated: bool = False,
        dropout_rate: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sizes = (mlp_dim, mlp_dim, width) if gated else (mlp_dim, width)
        self.gated = gated
        self.layers = [
            keras.layers.Dense(
                size,
                kernel_initializer="glorot_uniform",
                bias_initializer=keras.initializers.RandomNormal(stddev=1e-6),
                name=f"Dense_{index}",
            )
            for index, size in enumerate(sizes)
        ]
        self.dropout = None if dropout_rate is None else Dropout(dropout_rate)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = input_shape
        for layer in self.layers:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = gelu(self.layers[0](inputs))
        if self.gated:
            # As published: the gate is computed from the activated values, not from the inputs as
            # in Shazeer 2020 (arXiv:2002.05202), so its kernel is mlp_dim x mlp_dim.
            x = x * self.layers[1](x)
        if self.dropout is not None:
            x = self.dropout(x)
        return self.layers[-1](x)


class EncoderBlock(keras.layers.Layer):
    """Self-attention, then an MLP, each around a shortcut.

    Normalisation comes before each of them, or after each sum (`post_ln`).
    """

    def __init__(
        self,
        width: int,
        mlp_dim: int,
        num_heads: int,
        *,
        post_ln: bool,
        gated_mlp: bool,
        dropout_rate: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.post_ln = post_ln
        # The numbers in the names are as published: they count layers of all types.
        self.norm_0 = LayerNormalization(name="LayerNorm_0")
        self.attention = MultiHeadAttention(width, num_heads, name="MultiHeadDotProductAttention_1")
        self.norm_2 = LayerNormalization(name="LayerNorm_2")
        self.mlp = MlpBlock(
            width, mlp_dim, gated=gated_mlp, dropout_rate=dropout_rate, name="MlpBlock_3"
        )
        self.dropout = Dropout(dropout_rate)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for layer in (self.norm_0, self.attention, self.norm_2, self.mlp):
            layer.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        if self.post_ln:
            # The published JAX code of this variant raises a TypeError; this is what it means.
            x = self.norm_0(x + self.dropout(self.attention(x, x)))
            return self.norm_2(x + self.dropout(self.mlp(x)))
        normalised = self.norm_0(x)
        x = x + self.dropout(self.attention(normalised, normalised))
        return x + self.dropout(self.mlp(self.norm_2(x)))


class Encoder(keras.layers.Layer):
    """Blocks one after another, and a last normalisation where the blocks do not end in one."""

    def __init__(self, depth: int, *, post_ln: bool, block: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = [block(post_ln=post_ln, name=f"encoderblock_{i}") for i in range(depth)]
        self.norm = None if post_ln else LayerNormalization(name="encoder_layernorm")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for layer in (*self.blocks, *([] if self.norm is None else [self.norm])):
            layer.build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.norm is None else self.norm(x)


class AttentionPooling(keras.layers.Layer):
    """A learned probe attends to all tokens; then an MLP around a shortcut.

    Source: Zhai et al. 2022 (arXiv:2106.04560), section 3.2.
    """

    def __init__(self, width: int, mlp_dim: int, num_heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.width = width
        self.attention = MultiHeadAttention(width, num_heads, name="MultiHeadDotProductAttention_0")
        self.norm = LayerNormalization(name="LayerNorm_0")
        # As published: this MLP is called without its dropout ever in effect.
        self.mlp = MlpBlock(width, mlp_dim, name="MlpBlock_0")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.probe = self.add_weight(
            shape=(1, 1, self.width), name="probe", initializer="glorot_uniform"
        )
        for layer in (self.attention, self.norm, self.mlp):
            layer.build(input_shape)

    def call(self, tokens: Tensor) -> Tensor:
        probe = ops.tile(self.probe, (ops.shape(tokens)[0], 1, 1))
        x = self.attention(probe, tokens)  # (batch, 1, width)
        x = x + self.mlp(self.norm(x))
        return x[:, 0]
