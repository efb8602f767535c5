"""One seam for the framework. `framework()` is the module for the active Keras backend."""

from __future__ import annotations

import importlib
from types import ModuleType


def framework() -> ModuleType:
    """Return the backend module: compile, value_and_grad, Carry, synchronize, devices."""
    import keras

    name = keras.backend.backend()
    if name != "tensorflow":
        from kit.errors import NotAvailable

        raise NotAvailable(
            f"The kit has no {name!r} backend yet. Choose one of: tensorflow. "
            f"Received: KERAS_BACKEND={name}."
        )
    return importlib.import_module(f"kit.backend.{name}")
