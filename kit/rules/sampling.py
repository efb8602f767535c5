"""Quasi-random hyperparameter points, identical to AlgoPerf's.

A randomly shifted, digit-scrambled Halton sequence. The bases are the largest primes below 1000
except 997, one for each hyperparameter in the order of the search space; for base b a legacy
Mersenne-Twister seeded with b gives the digit map and then the shift; the first 100 elements are
dropped; the list is shuffled.

Source: AlgoPerf v0.6, `halton.py`, as described in `tests/golden/sampling/halton.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kit.rules.submission import Dimension

_PRIME_LIMIT = 1000  # 166 bases; a search space has at most 100 hyperparameters
_DROPPED = 100


def sample(
    search_space: Mapping[str, Dimension], count: int, shuffle_seed: int | None = None
) -> list[dict[str, Any]]:
    """Return `count` points; in sequence order where `shuffle_seed` is None.

    Args:
        search_space: hyperparameters by name; their order and number decide the points.
        count: how many points; fewer points are the first ones of more.
        shuffle_seed: below 2**32, for numpy's legacy generator.
    """
    columns = [_halton_column(base, count) for base in _bases(len(search_space))]
    points = [
        {
            name: _value(dimension, column[index])
            for (name, dimension), column in zip(search_space.items(), columns, strict=True)
        }
        for index in range(count)
    ]
    if shuffle_seed is None:
        return points
    order = list(range(count))
    np.random.RandomState(shuffle_seed).shuffle(order)
    return [points[index] for index in order]


def _bases(dimensions: int) -> list[int]:
    primes = [
        n for n in range(3, _PRIME_LIMIT, 2) if all(n % k for k in range(3, math.isqrt(n) + 1, 2))
    ]
    return primes[-1 - dimensions : -1]


def _halton_column(base: int, count: int) -> list[float]:
    generator = np.random.RandomState(base)
    digits = list(range(1, base))
    generator.shuffle(digits)
    digit_map = [0, *digits]
    shift = generator.uniform()
    indices = range(_DROPPED + 1, _DROPPED + count + 1)
    return [(_radical_inverse(index, base, digit_map) + shift) % 1.0 for index in indices]


def _radical_inverse(index: int, base: int, digit_map: list[int]) -> float:
    value, power = 0.0, 1
    while index:
        index, digit = divmod(index, base)
        value += digit_map[digit] / base**power
        power += 1
    return value


def _value(dimension: Dimension, unit: float) -> Any:
    """Map `unit` in [0, 1) to a value of the dimension."""
    if dimension.feasible_points is not None:
        return dimension.feasible_points[math.floor(unit * len(dimension.feasible_points))]
    low, high = dimension.min, dimension.max
    if low is None or high is None:  # the schema excludes it
        raise ValueError(f"A dimension without limits cannot be sampled: {dimension!r}.")
    if dimension.scaling == "log":
        value = low * math.exp(unit * math.log(high / low))
    else:
        value = unit * (high - low) + low
    return min(max(value, low), high)  # rounding may step over a limit
