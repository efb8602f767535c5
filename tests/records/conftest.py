"""A results folder for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.factory import Results


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Return an empty results folder with a key of its own."""
    return Results(tmp_path)
