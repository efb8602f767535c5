"""Which tests a run leaves out, and which come first: a pytest plugin, for every run of the tests.

Slow tests do not fit into the time of a run in CI. With `--rotate-by COMMIT` they begin at a file
that depends on the commit, so that several commits run them all; with `--minutes N` none begins
after that time. Every run prints what it did not run.
"""

from __future__ import annotations

import collections
import time
from pathlib import Path
from typing import Any

import pytest

TIERS = ("docker", "gpu", "browser", "slow")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tiers")
    group.addoption("--minutes", type=float, help="Start no test later than this.")
    group.addoption("--rotate-by", metavar="COMMIT", help="Start at a file chosen by this hash.")
    group.addoption("--not-run", metavar="FILE", help="Write what was left out for time to FILE.")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Tiers(config), "tiers-of-this-run")


class Tiers:
    """What this run leaves out; under xdist each worker tells the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = time.monotonic()
        self._deselected: collections.Counter[str] = collections.Counter()
        self._too_late: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if commit := self._config.getoption("rotate_by"):
            items[:] = rotated(items, commit)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        tiers = ([t for t in TIERS if item.get_closest_marker(t)] for item in items)
        self._deselected.update(tier[0] if tier else "other" for tier in tiers)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        minutes = self._config.getoption("minutes")
        elapsed = time.monotonic() - self._started
        if minutes is None or elapsed + _more_than_usual(item) < 60 * minutes:
            return None
        self._too_late.append(item.nodeid)
        return True  # done: neither run nor reported

    def pytest_sessionfinish(self) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["deselected"] = dict(self._deselected)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._deselected |= collections.Counter(getattr(node, "workeroutput", {}).get("deselected"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._deselected:
            counts = ", ".join(f"{n} {tier}" for tier, n in sorted(self._deselected.items()))
            terminalreporter.write_line(f"Not selected, so not run: {counts}.")
        if self._too_late:
            terminalreporter.write_line(f"Time is up; {len(self._too_late)} tests did not run:")
            terminalreporter.write_line("\n".join(f"  {name}" for name in self._too_late))
        if file := self._config.getoption("not_run"):
            Path(file).write_text("".join(f"{name}\n" for name in self._too_late))


def _more_than_usual(item: pytest.Item) -> float:
    """Return by how many seconds a test's own time limit exceeds that of all tests."""
    marker = item.get_closest_marker("timeout")
    return max(0.0, marker.args[0] - float(item.config.getini("timeout"))) if marker else 0.0


def rotated(items: list[pytest.Item], commit: str) -> list[pytest.Item]:
    """Return the items from the beginning of a file on that `commit` chooses, then the others."""
    starts = [i for i, item in enumerate(items) if i == 0 or item.path != items[i - 1].path]
    start = starts[int(commit, 16) % len(starts)] if starts else 0
    return items[start:] + items[:start]
