"""Layers whose training behaviour is an argument of the forward pass (see `forward.py`)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kit.contracts.forward import current_mode
from kit.contracts.kernels import current_kernels

Tensor = Any


class Dropout(keras.layers.Layer):
    """Inverted dropout whose rate may be a tensor.

    The pass's rate applies when it has one, `default_rate` otherwise: the published workloads take
    one rate per model in 0.6. In evaluation, or without a rate, the input passes unchanged.
    `broadcast_dims` are the axes along which one draw is shared.
    """

    def __init__(
        self, default_rate: float = 0.0, *, broadcast_dims: tuple[int, ...] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.default_rate = default_rate
        self.broadcast_dims = broadcast_dims

    def call(self, inputs: Tensor) -> Tensor:
        mode = current_mode()
        rate = self.default_rate if mode.dropout_rate is None else mode.dropout_rate
        if mode.rng is None or (isinstance(rate, int | float) and rate == 0.0):
            return inputs
        shape = list(ops.shape(inputs))
        for axis in self.broadcast_dims:
            shape[axis] = 1
        draw = keras.random.uniform(shape, dtype=inputs.dtype, seed=mode.seed())
        keep = ops.cast(1.0 - rate, inputs.dtype)
        kept = inputs / ops.maximum(keep, keras.config.epsilon())
        return ops.where(draw < keep, kept, ops.zeros_like(inputs))


class LayerNormalization(keras.layers.Layer):
    """Layer normalisation over `axes`, the last alone by default, with the biased variance.

    Weights, of the size of the last axis, are named `scale` and `bias`, as in the golden files.
    Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450); epsilon as published in AlgoPerf.
    """

    def __init__(
        self, *, epsilon: float = 1e-6, axes: tuple[int, ...] = (-1,), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.axes = axes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(shape=shape, name="scale", initializer="ones")
        self.bias = self.add_weight(shape=shape, name="bias", initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        centred = inputs - ops.mean(inputs, axis=self.axes, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=self.axes, keepdims=True)
        return centred * ops.rsqrt(variance + self.epsilon) * self.scale + self.bias


class InstanceNormalization(keras.layers.Layer):
    """Normalisation of every channel of every example, without weights.

    Source: Ulyanov, Vedaldi & Lempitsky 2016 (arXiv:1607.08022), equation 4; epsilon as published
    in AlgoPerf.
    """

    def __init__(self, *, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self._normalize = current_kernels().instance_normalization

    def call(self, inputs: Tensor) -> Tensor:
        return self._normalize(inputs, self.epsilon)


class BatchNormalization(keras.layers.Layer):
    """Batch normalisation as the reference computes it, over all axes but the last.

    The variance is biased, both for normalising and for the running value; running = momentum *
    running + (1 - momentum) * batch. Weights are named `scale`, `bias`, `mean`, `var`, as in the
    golden files. Source: Ioffe & Szegedy 2015, algorithm 1; AlgoPerf `imagenet_resnet`.
    """

    def __init__(
        self,
        *,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        scale_initializer: Any = "ones",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.scale_initializer = keras.initializers.get(scale_initializer)
        self._normalize = current_kernels().batch_normalization

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(shape=shape, name="scale", initializer=self.scale_initializer)
        self.bias = self.add_weight(shape=shape, name="bias", initializer="zeros")
        self.mean = self.add_weight(shape=shape, name="mean", initializer="zeros", trainable=False)
        self.var = self.add_weight(shape=shape, name="var", initializer="ones", trainable=False)

    def call(self, inputs: Tensor) -> Tensor:
        scale, bias = ops.convert_to_tensor(self.scale), ops.convert_to_tensor(self.bias)
        if not current_mode().batch_statistics:
            factor = scale * ops.rsqrt(self.var + self.epsilon)
            return inputs * factor + (bias - self.mean * factor)
        outputs, mean, var = self._normalize(inputs, scale, bias, self.epsilon)
        self.mean.assign(self.momentum * self.mean + (1.0 - self.momentum) * mean)
        self.var.assign(self.momentum * self.var + (1.0 - self.momentum) * var)
        return outputs
