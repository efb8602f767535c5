"""One small leaderboard of records for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.report.facts import Facts
from tests.records.factory import Results
from tests.report.made_up import facts_of, small_leaderboard, small_log


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Path]:
    """A results folder and its ruleset; nobody changes it."""
    return small_leaderboard(tmp_path_factory.mktemp("leaderboard"))


@pytest.fixture(scope="session")
def facts(made: tuple[Results, Path]) -> Facts:
    """Facts of records whose key is known."""
    results, ruleset = made
    return facts_of(results.root, ruleset=str(ruleset), trusted=[results.key.public])


@pytest.fixture(scope="session")
def log_facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """Facts of a log, which has no records."""
    path, ruleset = small_log(tmp_path_factory.mktemp("log"))
    return facts_of(path, ruleset=str(ruleset))
