from __future__ import annotations

from collections.abc import Callable

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
