"""The one rule for reaching a target."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from kit.contracts import Target

UP = Target(metric="accuracy", higher_is_better=True, validation=0.9)
DOWN = Target(metric="loss", higher_is_better=False, validation=0.5)


@pytest.mark.parametrize("target", [UP, DOWN])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_only_finite_values_reach(target: Target, value: float | None) -> None:
    assert not target.reached_by(value)


def test_the_threshold_itself_reaches() -> None:
    assert [UP.reached_by(v) for v in (0.89, 0.9, 0.91)] == [False, True, True]
    assert [DOWN.reached_by(v) for v in (0.49, 0.5, 0.51)] == [True, True, False]


def test_contracts_come_without_a_framework() -> None:
    code = (
        "import sys; from kit.contracts import LossType, Metric, ParameterKind, Split, Target\n"
        "print(sorted({'keras', 'tensorflow', 'jax'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
