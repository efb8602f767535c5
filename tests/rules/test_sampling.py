from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.rules.sampling import sample
from kit.rules.submission import Dimension, SubmissionTuning

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "sampling" / "halton.json").read_text()
)["spaces"]
SAMPLED = [name for name, space in GOLDEN.items() if space["kind"] == "dict"]


def dimensions(space: dict[str, Any]) -> dict[str, Dimension]:
    return {name: Dimension(**part) for name, part in space["search_space"].items()}


@pytest.mark.parametrize("name", SAMPLED)
def test_points_are_exactly_the_reference_samplers(name: str) -> None:
    space = GOLDEN[name]
    search_space = dimensions(space)

    assert sample(search_space, space["num_trials"]) == space["points_unshuffled"]
    assert sample(search_space, 5) == space["points_unshuffled_first5_of_num_trials_5"]


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("seed", ["0", "1", "42"])
def test_the_shuffle_is_exactly_the_reference_samplers(name: str, seed: str) -> None:
    space = GOLDEN[name]
    points = sample(dimensions(space), space["num_trials"], int(seed))

    assert points == space["points_by_seed"][seed]


def test_a_list_of_points_is_taken_as_it_is() -> None:
    space = GOLDEN["fixed_list_of_points"]
    points = SubmissionTuning(points=space["search_space"]).points

    assert points is not None
    assert list(points) == space["points_by_seed"]["any"]
    assert list(points[:2]) == space["points_num_trials_2"]


def test_sampling_leaves_numpys_global_generator_alone() -> None:
    import numpy as np

    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    sample({"a": Dimension(feasible_points=(1, 2))}, 3, 7)

    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]


POSITIVE = st.floats(1e-30, 1e30)
ANY = st.floats(-1e30, 1e30)
RANGES = st.one_of(
    st.tuples(POSITIVE, POSITIVE, st.just("log")), st.tuples(ANY, ANY, st.just("linear"))
)


@settings(deadline=None)
@given(limits=RANGES, count=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_points_stay_within_their_limits(
    limits: tuple[float, float, Any], count: int, seed: int
) -> None:
    low, high = sorted(limits[:2])
    points = sample({"a": Dimension(min=low, max=high, scaling=limits[2])}, count, seed)

    assert len(points) == count
    assert all(low <= point["a"] <= high for point in points)


@settings(deadline=None)
@given(count=st.integers(1, 40), choices=st.lists(st.integers(-99, 99), min_size=1, max_size=5))
def test_discrete_points_are_feasible(count: int, choices: list[int]) -> None:
    space = {name: Dimension(feasible_points=tuple(choices)) for name in ("a", "b")}

    assert all(set(point.values()) <= set(choices) for point in sample(space, count))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_shuffle_keeps_the_set_of_points(seed: int) -> None:
    space = {"a": Dimension(min=0.0, max=1.0, scaling="linear")}

    assert sorted(p["a"] for p in sample(space, 15, seed)) == sorted(
        p["a"] for p in sample(space, 15)
    )


def test_a_hundred_hyperparameters_have_bases() -> None:
    space = {f"a{n}": Dimension(min=0.0, max=1.0, scaling="linear") for n in range(100)}

    assert len(set(sample(space, 1)[0].values())) == 100
