from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kit.data import prepare
from kit.errors import DataError


@pytest.fixture(scope="session")
def prepared() -> Callable[[str], None]:
    """Return a function that prepares mini data, or skips where no source can be reached."""

    def ensure(workload: str) -> None:
        try:
            prepare(workload, "mini")
        except DataError as error:
            pytest.skip(str(error))

    return ensure


@pytest.fixture(scope="session")
def check_distribution() -> Callable[[str, np.ndarray, dict[str, float]], None]:
    """Return the comparison of initial values with statistics of another draw of them."""
    return _check_distribution


def _check_distribution(path: str, value: np.ndarray, golden: dict[str, float]) -> None:
    """Compare with statistics of one other sample of the same size, within five deviations."""
    if value.size == 1 and golden["mean"] not in (0.0, 1.0):
        return  # one draw tells nothing about a distribution
    if golden["std"] == 0.0:
        assert (value == golden["mean"]).all(), path
        return
    std, kurtosis, count = golden["std"], golden["kurtosis"], value.size
    assert value.mean() == pytest.approx(golden["mean"], abs=5 * std * np.sqrt(2 / count)), path
    spread = std * np.sqrt((kurtosis - 1) / 4) * np.sqrt(2 / count)
    assert value.std() == pytest.approx(std, abs=5 * spread), path
    if kurtosis + 4 * np.sqrt(24 / count) < 3:  # not normal but cut: nothing beyond the cut
        assert np.abs(value).max() <= 1.02 * max(abs(golden["min"]), golden["max"]), path
    elif count > 10_000:
        assert np.abs(value).max() > 3 * std, path
