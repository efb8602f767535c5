"""Signed results, a stand-in server, and an upload between them with the real SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit.mirror.plan import plan_upload
from kit.mirror.project import Destination
from kit.mirror.upload import Result, Upload
from tests.records.factory import Results, make_trial
from tests.wandb_server import WandbServer

PROJECT = "stopwatch"
Uploading = Callable[..., list[Result]]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's own W&B key and settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """Return a server that the SDK will speak to."""
    with WandbServer() as stand_in:
        for name, value in stand_in.environment.items():
            monkeypatch.setenv(name, value)
        yield stand_in


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Return a results folder with one trial that reached its target."""
    found = Results(tmp_path)
    found.run(make_trial())
    return found


@pytest.fixture
def upload() -> Uploading:
    """Return a function that uploads results and returns what became of each run."""

    def run(
        results: Results,
        *,
        timeout_seconds: float = 20,
        offline: Path | None = None,
        attempts: int = 1,
    ) -> list[Result]:
        to = Destination("team", PROJECT, timeout_seconds, offline)
        sender = Upload(to, parallel=1, tell=lambda _: None, attempts=attempts)
        return sender.run(plan_upload([results.root]).tasks)

    return run
