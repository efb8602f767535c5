"""U-Net: down to a small image of many channels and up again, with shortcuts at every size.

Layer names equal those of the golden files. Sources: Ronneberger, Fischer & Brox 2015
(arXiv:1505.04597), figure 1; Zbontar et al. 2018 (arXiv:1811.08839), section 5.3; AlgoPerf
`fastmri`. The defaults are the published network.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import keras
from keras import ops

from kit.contracts import InstanceNormalization, LayerNormalization

Tensor = Any
Shape = tuple[int | None, ...]
Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "leaky_relu": partial(keras.activations.leaky_relu, negative_slope=0.2),
    "tanh": keras.activations.tanh,
}


class ConvBlock(keras.layers.Layer):
    """Twice a 3x3 convolution without bias, normalisation and activation.

    There is no dropout: the published blocks have layers for it, which never get the rate that the
    model was given.
    """

    def __init__(
        self, filters: int, *, activation: Activation, layer_norm: bool, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = activation
        self.convolutions = [self._convolution(f"Conv_{i}") for i in range(2)]
        self.norms = [
            LayerNormalization(name=f"LayerNorm_{i}", axes=(1, 2, 3))
            if layer_norm
            else InstanceNormalization()
            for i in range(2)
        ]

    def _convolution(self, name: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            self.filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="lecun_normal",
            name=name,
        )

    def build(self, input_shape: Shape) -> None:
        shape = input_shape
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            convolve.build(shape)
            shape = self.compute_output_shape(shape)
            norm.build(shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = inputs
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.activation(norm(convolve(x)))
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.filters)


class DoubleSize(keras.layers.Layer):
    """A 2x2 transposed convolution with stride 2, without bias, computed as products of matrices.

    Every input pixel (i, j) becomes four: output (2i + a, 2j + b) is its product with
    kernel[1 - a, 1 - b]. That the kernel is flipped is how the golden files store it. On two CPU
    cores it takes as long as the framework's transposed convolution.
    """

    def __init__(self, filters: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, input_shape: Shape) -> None:
        shape = (2, 2, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, name="kernel", initializer="lecun_normal")

    def call(self, inputs: Tensor) -> Tensor:
        _, height, width, channels = inputs.shape
        pixels = ops.reshape(inputs, (-1, channels))
        kernel = ops.flip(ops.convert_to_tensor(self.kernel), axis=(0, 1))
        rows = [
            ops.matmul(pixels, ops.reshape(ops.transpose(row, (1, 0, 2)), (channels, -1)))
            for row in (kernel[0], kernel[1])
        ]  # two of (pixels, 2 * filters): neighbours in a row of the output lie side by side
        rows = [ops.reshape(row, (-1, height, 2 * width * self.filters)) for row in rows]
        return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, self.filters))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, height, width, _ = input_shape
        return (batch, height and 2 * height, width and 2 * width, self.filters)


class TransposeConvBlock(keras.layers.Layer):
    """Twice the size, instance normalisation in every variant, activation."""

    def __init__(self, filters: int, *, activation: Activation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self.double = DoubleSize(filters, name="ConvTranspose_0")
        self.norm = InstanceNormalization()

    def build(self, input_shape: Shape) -> None:
        self.double.build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(self.norm(self.double(inputs)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.double.compute_output_shape(input_shape)


class JoinShortcut(keras.layers.Layer):
    """Concatenate an image and a shortcut, which was larger by a row or a column if it was odd.

    What is missing at the bottom and on the right is reflected.
    """

    def call(self, image: Tensor, shortcut: Tensor) -> Tensor:
        missing = [shortcut.shape[axis] - image.shape[axis] for axis in (1, 2)]
        if any(missing):
            image = ops.pad(image, [[0, 0], *([0, size] for size in missing), [0, 0]], "reflect")
        return ops.concatenate([image, shortcut], axis=-1)

    def compute_output_shape(self, image_shape: Shape, shortcut_shape: Shape) -> Shape:
        return (*shortcut_shape[:-1], image_shape[-1] + shortcut_shape[-1])


def build_model(
    *,
    num_channels: int = 32,
    num_pool_layers: int = 4,
    activation: Literal["leaky_relu", "tanh"] = "leaky_relu",
    layer_norm: bool = False,
) -> keras.Model:
    """Build the network; inputs and outputs are images `(batch, height, width)` of any size.

    Level `i` has `num_channels * 2**i` channels. `layer_norm` normalises over height, width and
    channels together inside the convolution blocks, with scale and bias per channel.
    """
    activate = ACTIVATIONS[activation]
    widths = [num_channels * 2**level for level in range(num_pool_layers + 1)]
    block = partial(ConvBlock, activation=activate, layer_norm=layer_norm)
    inputs = keras.Input((None, None))
    x = ops.expand_dims(inputs, -1)
    shortcuts = []
    for level, width in enumerate(widths[:-1]):
        x = block(width, name=f"ConvBlock_{level}")(x)
        shortcuts.append(x)
        x = keras.layers.AveragePooling2D(2)(x)
    x = block(widths[-1], name=f"ConvBlock_{num_pool_layers}")(x)
    for step, shortcut in enumerate(reversed(shortcuts)):
        width = shortcut.shape[-1]
        name = f"TransposeConvBlock_{step}"
        x = TransposeConvBlock(width, activation=activate, name=name)(x)
        x = JoinShortcut()(x, shortcut)
        x = block(width, name=f"ConvBlock_{num_pool_layers + 1 + step}")(x)
    x = keras.layers.Conv2D(1, 1, kernel_initializer="lecun_normal", name="Conv_0")(x)
    return keras.Model(inputs, ops.squeeze(x, -1))
