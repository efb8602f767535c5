"""What the kit asks of a framework beyond `keras.ops`.

A backend is a module with these functions, such as `kit/backend/tensorflow.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kit.contracts.kernels import Kernels

Tensor = Any
Tree = Any


class Carry(Protocol):
    """A pytree of tensors on the device that compiled functions replace, one call after the other.

    It owns its memory: the start value is copied, and a call may overwrite the value before it. So
    tensors that `value` returned are gone after the next call; `to_host` makes copies that stay.
    """

    def value(self) -> Tree:
        """Return the current tensors."""
        ...

    def assign(self, value: Tree) -> None:
        """Replace the whole value; structure, shapes and dtypes stay."""
        ...

    def compile(
        self, function: Callable[..., tuple[Tree, Any]], *, xla: bool
    ) -> Callable[..., Any]:
        """Compile `function(carry, *args) -> (carry, aux)` into `call(*args) -> aux`.

        A call may return before the device is done; `synchronize` waits for what it returned.

        Raises:
            ValueError: when it is called: the function changed the structure or a shape.
        """
        ...


class Backend(Protocol):
    """One framework. Its tensors are those of Keras, which `kit.backend.framework` has chosen."""

    def configure(
        self,
        *,
        deterministic: bool = True,
        device: str | None = None,
        gpu_memory_bytes: int | None = None,
    ) -> None:
        """Prepare the process; called before anything is built.

        Args:
            deterministic: use deterministic kernels, so that runs with one seed are equal bit for
                bit.
            device: "cpu" hides the GPUs from this process; otherwise they are used where there are
                any.
            gpu_memory_bytes: what this process may take of each GPU; None takes more as it needs
                more.
        """
        ...

    def device_kind(self) -> str:
        """Return "gpu" where this process uses one, else "cpu"."""
        ...

    def peak_device_memory_bytes(self) -> int | None:
        """Return the largest device memory use so far, or None on a CPU (see the process)."""
        ...

    def versions(self) -> dict[str, str]:
        """Return the versions that numerical results depend on."""
        ...

    def kernels(self) -> Kernels:
        """Return the kernels for models that are built in this process, after `configure`."""
        ...

    def compile(self, function: Callable[..., Any], *, xla: bool) -> Callable[..., Any]:
        """Compile a pure function of tensors. Python numbers in the arguments are constants.

        `xla` may be ignored where there is only one compiler.
        """
        ...

    def carry(self, value: Tree) -> Carry:
        """Put a copy of `value` on the device."""
        ...

    def value_and_grad(
        self, function: Callable[..., tuple[Tensor, Any]]
    ) -> Callable[..., tuple[tuple[Tensor, Any], Tree]]:
        """Differentiate `function(x, *args) -> (value, aux)` with respect to the pytree `x`.

        Returns `g(x, *args) -> ((value, aux), gradients)`; zeros where a leaf does not matter.
        """
        ...

    def vectorized_map(self, function: Callable[[Tree], Tree], elements: Tree) -> Tree:
        """Apply `function` to each slice along the first axis of the leaves of `elements`."""
        ...

    def synchronize(self, tree: Tree) -> None:
        """Wait until every tensor of `tree` has been computed."""
        ...

    def to_host(self, tensors: Sequence[Tensor]) -> list[np.ndarray]:
        """Return NumPy arrays that no later call changes and that keep no device memory in use."""
        ...

    def scalar(self, value: int) -> Tensor:
        """Return an int32 scalar tensor. A new value needs no new compilation."""
        ...
