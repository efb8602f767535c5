"""One seam for the framework. `framework()` is the backend for the active Keras backend."""

from __future__ import annotations

from kit.backend.protocol import Backend, Carry
from kit.errors import NotAvailable

__all__ = ["Backend", "Carry", "framework"]


def framework() -> Backend:
    """Return the backend that Keras was started with.

    Raises:
        NotAvailable: the kit has none for it.
    """
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        from kit.backend import tensorflow  # each process loads one framework

        return tensorflow
    raise NotAvailable(
        f"The kit has no {name!r} backend yet. Choose one of: tensorflow. "
        f"Received: KERAS_BACKEND={name}."
    )
