"""How one forward pass is to be made: with which statistics, dropout rate and randomness.

Layers that behave differently in training read the mode of the pass they are traced in, instead of
carrying rates and seeds as state. So a rate is an ordinary argument of the forward pass: a Python
number or a tensor, fixed or changing during a run, with XLA or without. "Use batch statistics"
and "update running statistics" are two questions: this module answers the first, the second is
whether the caller keeps the returned model state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import keras

Tensor = Any


@dataclass
class ForwardMode:
    """One forward pass. `rng` is an int32 tensor `(2,)`; without it nothing may draw."""

    batch_statistics: bool
    dropout_rate: Tensor | float | None = None
    rng: Tensor | None = None
    _draws: int = field(default=0)

    def seed(self) -> keras.random.SeedGenerator:
        """Return a seed for `keras.random`, different at each call within one pass."""
        if self.rng is None:
            raise ValueError("This forward pass draws random numbers and was given no rng.")
        self._draws += 1
        return seed_from(fold_in(self.rng, self._draws))


EVALUATION = ForwardMode(batch_statistics=False)
_mode: ContextVar[ForwardMode] = ContextVar("forward_mode", default=EVALUATION)


def current_mode() -> ForwardMode:
    """Return the mode of the forward pass that is being traced; evaluation by default."""
    return _mode.get()


@contextlib.contextmanager
def forward_mode(mode: ForwardMode) -> Iterator[None]:
    """Run the enclosed forward pass in `mode`."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


class _FixedSeed(keras.random.SeedGenerator):
    """A seed generator over a tensor, so that `keras.random` works as a pure function."""

    def __init__(self, rng: Tensor) -> None:
        self._rng = rng

    def next(self, ordered: bool = True) -> Tensor:
        return self._rng


def seed_from(rng: Tensor) -> keras.random.SeedGenerator:
    """Wrap `rng`, an int32 tensor `(2,)`, for the `seed` argument of `keras.random` functions."""
    return _FixedSeed(rng)


def fold_in(rng: Tensor, data: Any) -> Tensor:
    """Derive an independent rng from `rng` and an integer: a step, a layer, a sample."""
    data = keras.ops.cast(data, "int32")
    shifted = rng + keras.ops.stack([data, keras.ops.zeros_like(data)])
    drawn = keras.random.randint((2,), 0, 2**31 - 1, dtype="int32", seed=seed_from(shifted))
    return keras.ops.cast(drawn, "int32")
