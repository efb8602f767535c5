"""ResNet with bottleneck blocks, v1.5: the stride sits on the 3x3 convolution.

Layer names equal those of the golden files. Sources: He et al. 2016 (arXiv:1512.03385), table 1;
AlgoPerf `imagenet_resnet`. The defaults are ResNet-50 for ImageNet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from kit.contracts import BatchNormalization

Tensor = Any
Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
    "gelu": partial(keras.activations.gelu, approximate=True),
}
EXPANSION = 4


def convolution(
    filters: int, size: int, name: str, *, strides: int = 1, padding: str = "same"
) -> Any:
    """Return a convolution without bias, LeCun normal, as everywhere in this network."""
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="lecun_normal",
        name=name,
    )


class BottleneckBlock(keras.layers.Layer):
    """1x1, 3x3 (with the stride), 1x1 to four times the width, around a shortcut.

    `last_scale_init` is the initial scale of the last normalisation: 0 makes a new block the
    identity (Goyal et al. 2017, arXiv:1706.02677, section 5.1).
    """

    def __init__(
        self,
        filters: int,
        *,
        strides: int,
        activation: Activation,
        last_scale_init: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.strides = strides
        self.activation = activation
        self.conv_0 = convolution(filters, 1, "Conv_0")
        self.norm_0 = BatchNormalization(name="BatchNorm_0")
        self.conv_1 = convolution(filters, 3, "Conv_1", strides=strides)
        self.norm_1 = BatchNormalization(name="BatchNorm_1")
        self.conv_2 = convolution(EXPANSION * filters, 1, "Conv_2")
        self.norm_2 = BatchNormalization(
            name="BatchNorm_2", scale_initializer=keras.initializers.Constant(last_scale_init)
        )
        self.conv_proj: Any = None
        self.norm_proj: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.strides != 1 or input_shape[-1] != EXPANSION * self.filters:
            self.conv_proj = convolution(
                EXPANSION * self.filters, 1, "Conv_proj", strides=self.strides
            )
            self.norm_proj = BatchNormalization(name="BatchNorm_proj")
            self.conv_proj.build(input_shape)
            self.norm_proj.build(self.compute_output_shape(input_shape))
        shape = input_shape
        for convolve, norm in (
            (self.conv_0, self.norm_0),
            (self.conv_1, self.norm_1),
            (self.conv_2, self.norm_2),
        ):
            convolve.build(shape)
            shape = convolve.compute_output_shape(shape)
            norm.build(shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = self.activation(self.norm_0(self.conv_0(inputs)))
        x = self.activation(self.norm_1(self.conv_1(x)))
        x = self.norm_2(self.conv_2(x))
        shortcut = inputs
        if self.conv_proj is not None:
            shortcut = self.norm_proj(self.conv_proj(inputs))
        return self.activation(shortcut + x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        shape: tuple[int | None, ...] = self.conv_1.compute_output_shape(input_shape)
        return (*shape[:-1], EXPANSION * self.filters)


def stem(inputs: Tensor, filters: int, activation: Activation) -> Tensor:
    """Reduce the resolution by four: 7x7 convolution, stride 2, then 3x3 maximum, stride 2.

    Padding is explicit and symmetric, unlike "same"; the maximum sees padding as minus infinity,
    which matters for activations that can be negative.
    """
    x = keras.layers.ZeroPadding2D(3)(inputs)
    x = convolution(filters, 7, "Conv_init", strides=2, padding="valid")(x)
    x = activation(BatchNormalization(name="BatchNorm_init")(x))
    x = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=float("-inf"))
    return keras.layers.MaxPooling2D(3, strides=2, padding="valid")(x)


def build_model(
    *,
    stage_sizes: Sequence[int] = (3, 4, 6, 3),
    num_filters: int = 64,
    num_classes: int = 1000,
    image_size: int = 224,
    channels: int = 3,
    activation: Literal["relu", "silu", "gelu"] = "relu",
    last_scale_init: float = 0.0,
) -> keras.Model:
    """Build the network; inputs are normalised images `(batch, height, width, channels)`.

    Stage `i` has `stage_sizes[i]` blocks of base width `num_filters * 2**i`; from the second on a
    stage begins with stride 2. The kernel of the last layer is normal with standard deviation 0.01.
    """
    activate = ACTIVATIONS[activation]
    inputs = keras.Input((image_size, image_size, channels))
    x = stem(inputs, num_filters, activate)
    block = 0
    for stage, size in enumerate(stage_sizes):
        for position in range(size):
            x = BottleneckBlock(
                num_filters * 2**stage,
                strides=2 if stage > 0 and position == 0 else 1,
                activation=activate,
                last_scale_init=last_scale_init,
                name=f"BottleneckResNetBlock_{block}",
            )(x)
            block += 1
    x = ops.mean(x, axis=(1, 2))  # (batch, features)
    logits = keras.layers.Dense(
        num_classes, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), name="Dense_0"
    )(x)
    return keras.Model(inputs, logits)
