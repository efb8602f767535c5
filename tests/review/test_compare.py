"""Values as W&B gives them back, against what was signed."""

from __future__ import annotations

import math

import pytest

from kit.review.compare import as_shown, same


@pytest.mark.parametrize(
    ("shown", "expected", "equal"),
    [
        (2, 2.0, True),
        ("Infinity", math.inf, True),
        (math.inf, math.inf, True),
        ("-Infinity", -math.inf, True),
        ("NaN", math.nan, True),
        ("NaN", math.inf, False),
        (True, 1, False),
        (1, True, False),
        ([1, {"a": 2.0}], (1, {"a": 2}), True),
        ([1, 2], [1], False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        (0.1 + 0.2, 0.3, False),
        (None, None, True),
        (None, 0, False),
    ],
)
def test_values_are_compared_as_wandb_gives_them_back(shown, expected, equal):
    assert same(shown, as_shown(expected)) is equal
