"""A small leaderboard, its mirror at a stand-in server, and the review of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tests.wandb_server.listing_operations
import tests.wandb_server.report_operations  # noqa: F401  # they register
from kit.cli.main import main
from tests.records.factory import Results
from tests.review.mirrored import ENTITY, PROJECT, mirror
from tests.scoring.reading import records_factory
from tests.wandb_server import Artifact, Run, WandbServer

KEYS = "keys:\n  - {{name: lab, role: {role}, public_key: {key}}}\n"


@dataclass
class Mirrored:
    """Signed results and what a server has of them; a test then changes something."""

    results: Results
    ruleset: Path
    server: WandbServer
    folder: Path

    @property
    def trials(self) -> list[Run]:
        """Return the runs of trials, in the order in which they were sent."""
        runs = self.server.state.runs.values()
        return [run for run in runs if run.fields["jobType"] == "trial"]

    def evidence(self, run: Run) -> Artifact:
        """Return the only version of a run's evidence."""
        (artifact,) = self.server.state.versions(ENTITY, PROJECT, f"evidence-{run.name}")
        return artifact

    @property
    def ledger(self) -> Artifact:
        """Return the newest version of the ledger."""
        found = self.server.state.artifacts.values()
        return [a for a in found if a.collection.startswith("ledger-")][-1]

    def trust(self, role: str = "official_runner", key: str | None = None) -> Path:
        """Write a list with one trusted key, the results' own by default."""
        path = self.folder / "keys.yaml"
        path.write_text(KEYS.format(role=role, key=key or self.results.key.public.hex))
        return path


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's own keys."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "nobody"))
    for name in ("WANDB_API_KEY", "WANDB_API_KEY_FILE", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrored]:
    """Return two trials of one submission, mirrored as they should be."""
    results = Results(tmp_path)
    ruleset = records_factory.ruleset_file(tmp_path)
    for study in (1, 2):
        records_factory.run(results, ruleset, "first", study=study)
    with WandbServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        mirror(results, server.state)
        found = Mirrored(results, ruleset, server, tmp_path)
        found.trust()
        yield found


Reviewing = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def review(mirrored: Mirrored, capsys: pytest.CaptureFixture[str]) -> Reviewing:
    """Return a function that runs `kit review --json` and returns exit code and report."""

    def run(*more: object) -> tuple[int, dict[str, Any]]:
        words = ["review", f"{ENTITY}/{PROJECT}", "--json", "--resamples", "0"]
        words += ["--folder", str(mirrored.folder / "review")]
        words += ["--trusted-keys", str(mirrored.folder / "keys.yaml")]
        words += ["--ruleset", str(mirrored.ruleset), *map(str, more)]
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main(words)
        shown = capsys.readouterr()
        assert shown.out, shown.err
        return exit_.value.code, json.loads(shown.out)

    return run
