"""Schedules against the learning rates of the golden files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from keras import ops

from kit import paths
from kit.algorithms import constant, half_cosine, joined, linear, warmup_cosine, warmup_linear
from kit.backend import framework

GOLDEN = paths.PROJECT / "tests" / "golden" / "optimizers"


def values(schedule: Any, steps: int) -> np.ndarray:
    return np.array([float(schedule(framework().scalar(step))) for step in range(steps)])


def golden(name: str) -> tuple[dict[str, Any], np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as content:
        return json.loads(str(content["meta"]))["hyperparameters"], content["lr"]


def test_warmup_cosine_is_the_golden_one() -> None:
    given, expected = golden("nadamw")
    schedule = warmup_cosine(given["learning_rate"], 5, given["step_hint"])

    np.testing.assert_allclose(values(schedule, 25), expected, rtol=1e-5, atol=1e-9)


def test_warmup_linear_is_the_golden_one() -> None:
    given, expected = golden("nesterov")
    schedule = warmup_linear(given["learning_rate"], 5, 18, end_factor=given["end_factor"])

    np.testing.assert_allclose(values(schedule, 25), expected, rtol=1e-5)


def test_cosine_stays_at_zero_after_the_step_hint() -> None:
    assert values(warmup_cosine(0.1, 2, 6), 9)[6:].tolist() == [0.0, 0.0, 0.0]


def test_without_warmup_the_first_update_has_the_peak() -> None:
    assert values(warmup_cosine(0.25, 0, 4), 1)[0] == 0.25
    assert values(warmup_linear(0.25, 0, 4, end_factor=0.1), 1)[0] == 0.25


def test_joined_counts_from_zero_again() -> None:
    schedule = joined(constant(2.0), linear(1.0, 0.0, 2), 3)

    assert values(schedule, 7).tolist() == [2.0, 2.0, 2.0, 1.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("schedule", [constant(1.0), linear(0.0, 1.0, 3), half_cosine(1.0, 3)])
def test_rates_are_float32_whatever_the_step_is(schedule: Any) -> None:
    assert ops.convert_to_tensor(schedule(framework().scalar(2))).dtype == "float32"


def test_steps_beyond_what_float16_or_int16_hold_are_exact() -> None:
    assert float(linear(0.0, 1.0, 1_000_000)(framework().scalar(999_999))) == np.float32(0.999999)
