"""The TensorFlow backend: the functions of `kit.backend.protocol.Backend`, described there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kit.contracts import kernels as portable
from kit.contracts.kernels import Kernels

Tensor = Any
Tree = Any


def configure(
    *, deterministic: bool = True, device: str | None = None, gpu_memory_bytes: int | None = None
) -> None:
    """Prepare the process."""
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return
    for gpu in tf.config.list_physical_devices("GPU"):
        if gpu_memory_bytes is None:
            tf.config.experimental.set_memory_growth(gpu, True)
        else:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory_bytes >> 20)
            tf.config.set_logical_device_configuration(gpu, [limit])


def device_kind() -> str:
    """Return "gpu" where this process uses one, else "cpu"."""
    return "gpu" if tf.config.get_visible_devices("GPU") else "cpu"


def versions() -> dict[str, str]:
    """Return the versions that numerical results depend on."""
    return {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}


def compile(function: Callable[..., Any], *, xla: bool) -> Callable[..., Any]:
    """Compile a pure function of tensors."""
    compiled: Callable[..., Any] = tf.function(function, jit_compile=xla, reduce_retracing=False)
    return compiled


def value_and_grad(
    function: Callable[..., tuple[Tensor, Any]],
) -> Callable[..., tuple[tuple[Tensor, Any], Tree]]:
    """Return `g(x, *args) -> ((value, aux), gradients)`."""

    def differentiated(x: Tree, *args: Any, **kwargs: Any) -> tuple[tuple[Tensor, Any], Tree]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(keras.tree.flatten(x))
            value, aux = function(x, *args, **kwargs)
        gradients = tape.gradient(value, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return (value, aux), keras.tree.map_structure(tf.convert_to_tensor, gradients)

    return differentiated


def vectorized_map(function: Callable[[Tree], Tree], elements: Tree) -> Tree:
    """Apply `function` to each slice along the first axis of the leaves of `elements`."""
    return tf.vectorized_map(function, elements, fallback_to_while_loop=True)


def normalize_with_batch_statistics(
    x: Tensor, scale: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Do as the function of the same name in `kit.contracts.kernels`; images in one kernel.

    That takes half the time: 49 instead of 94 to 169 ms for forward and backward of 16x56x56x256
    on two CPU cores, depending on how the single operations are written.
    """
    if len(x.shape) != 4:
        return portable.normalize_with_batch_statistics(x, scale, bias, epsilon)
    unused = tf.zeros([0], tf.float32)  # running values, which the kernel does not need here
    normalised, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=scale, offset=bias, mean=unused, variance=unused, epsilon=epsilon
    )
    count = tf.cast(tf.size(x) // x.shape[-1], variance.dtype)
    return normalised, mean, variance * (count - 1.0) / count  # the kernel's is unbiased


def normalize_each_example(x: Tensor, epsilon: float) -> Tensor:
    """Do as the function of the same name in `kit.contracts.kernels`, for a CPU.

    One example is a batch whose statistics are its own. That takes half the CPU time: 49 instead of
    98 ms for forward and backward of 4x320x320x32. The mean is subtracted beforehand, which needs
    no gradient, because the kernel adds up pixel after pixel and so loses digits (33 ms without).
    """
    if x.shape[0] is None:
        return portable.normalize_each_example(x, epsilon)
    centred = x - tf.stop_gradient(tf.reduce_mean(x, axis=(1, 2), keepdims=True))
    scale, offset = tf.ones([x.shape[-1]]), tf.zeros([x.shape[-1]])
    unused = tf.zeros([0], tf.float32)  # running values, which the kernel does not need here
    examples = [
        tf.raw_ops.FusedBatchNormV3(
            x=example, scale=scale, offset=offset, mean=unused, variance=unused, epsilon=epsilon
        ).y
        for example in tf.split(centred, x.shape[0])
    ]
    return tf.concat(examples, axis=0)


def kernels() -> Kernels:
    """Return the fused kernels; on a GPU an example is normalised in single operations."""
    if device_kind() == "cpu":
        return Kernels(normalize_with_batch_statistics, normalize_each_example)
    return Kernels(normalize_with_batch_statistics)


def synchronize(tree: Tree) -> None:
    """Wait until every tensor of `tree` has been computed."""
    for leaf in keras.tree.flatten(tree):
        if hasattr(leaf, "numpy"):
            leaf.numpy()


def to_host(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    """Return NumPy arrays: views of buffers that TensorFlow writes to no more while they exist."""
    return [np.asarray(tensor) for tensor in tensors]


def scalar(value: int) -> Tensor:
    """Return an int32 scalar tensor."""
    return tf.constant(value, tf.int32)


class Carry:
    """A pytree of tensors that lives on the device and is updated in place by compiled functions.

    Held in variables; one compiled call reads them, computes and assigns. Leaves that a function
    returns unchanged are not written. Peak memory is 1.1 times the state with XLA and 2 without
    (field notes).
    """

    def __init__(self, value: Tree) -> None:
        # Structure without leaves: the tensors themselves would stay in memory as a second copy.
        self._structure = keras.tree.map_structure(lambda leaf: 0, value)
        self._variables = [tf.Variable(leaf, trainable=False) for leaf in keras.tree.flatten(value)]

    def value(self) -> Tree:
        """Return the current tensors."""
        return self._pack([variable.read_value() for variable in self._variables])

    def assign(self, value: Tree) -> None:
        """Replace the whole value; shapes and dtypes stay."""
        for variable, leaf in zip(self._variables, self._flatten_like(value), strict=True):
            variable.assign(leaf)

    def compile(
        self, function: Callable[..., tuple[Tree, Any]], *, xla: bool
    ) -> Callable[..., Any]:
        """Compile `function(carry, *args) -> (carry, aux)` into `call(*args) -> aux`."""

        def call(*args: Any) -> Any:
            before = [variable.read_value() for variable in self._variables]
            carry, aux = function(self._pack(before), *args)
            after = self._flatten_like(carry)
            for variable, old, new in zip(self._variables, before, after, strict=True):
                if new is not old:
                    variable.assign(new)
            return aux

        compiled: Callable[..., Any] = tf.function(call, jit_compile=xla, reduce_retracing=False)
        return compiled

    def _pack(self, leaves: list[Tensor]) -> Tree:
        return keras.tree.pack_sequence_as(self._structure, leaves)

    def _flatten_like(self, value: Tree) -> list[Tensor]:
        keras.tree.assert_same_structure(self._structure, value)
        return list(keras.tree.flatten(value))


def carry(value: Tree) -> Carry:
    """Put a copy of `value` on the device."""
    return Carry(value)


def peak_device_memory_bytes() -> int | None:
    """Return the largest device memory use so far, or None on a CPU (see the process instead)."""
    if device_kind() == "cpu":
        return None
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
