"""Records that were made to do harm, and signed, before every command that reads them."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kit.cli.main import main
from kit.errors import KitError
from kit.mirror.plan import plan_upload
from kit.records.files import EVALUATIONS, TRIAL
from kit.records.record import TrialState
from kit.records.verify import verify_record
from kit.rules.ruleset import load_ruleset
from kit.rules.source_digest import digest_files
from tests.records.factory import Results, make_trial
from tests.records.test_hostile import FORGED, SPARSE_BYTES
from tests.scoring.reading.records_factory import rules_record, ruleset_file, source

Kit = Callable[..., str]


class Place:
    """A results folder with one record under a ruleset of the tests, and its submission."""

    def __init__(self, root: Path) -> None:
        self.results, self.ruleset = Results(root), ruleset_file(root)
        self.submission = root / "first"
        self.submission.mkdir()
        self.files = source("first")
        for name, content in self.files.items():
            (self.submission / name).write_bytes(content)

    def run(self, forge: Callable[[Path], None] | None = None, **fields: Any) -> Path:
        """Record a trial, `forge` having changed what is signed; return its folder."""
        own = {
            "submission": "first",
            "submission_sha256": digest_files(self.files),
            "rules": rules_record(load_ruleset(self.ruleset)),
        }
        return self.results.run(make_trial(**(own | fields)), self.files, forge=forge).folder

    def commands(self, page: Path) -> dict[str, Sequence[object]]:
        """Return what a user may do with the folder."""
        root, rules = self.results.root, ("--ruleset", self.ruleset)
        html, marked = ("--html", page, "--resamples", 0), "--unverified"
        return {
            "verify": ("verify", root),
            "verify as JSON": ("verify", root, "--json"),
            "score": ("score", root, *rules, "--resamples", 0),
            "score unverified": ("score", root, *rules, "--resamples", 0, marked),
            "report": ("report", root, *rules, *html),
            "report unverified": ("report", root, *rules, *html, marked),
            "plan": ("plan", "--submission", self.submission, *rules, "--results", root),
        }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    return Place(tmp_path)


@pytest.fixture
def kit(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command and returns its status and its last line of stderr."""

    def run(*words: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return int(caught.value.code or 0), (said.err.strip().splitlines() or [""])[-1]

    return run


def check_all(place: Place, kit: Kit, tmp_path: Path, *, sound: bool) -> None:
    for name, words in place.commands(tmp_path / "page.html").items():
        status, last = kit(*words)
        assert status in (0, 1, 2), (name, last)
        if not sound and "unverified" not in name:
            assert status == 1, (name, last)
            assert last.startswith("Error: ") or name.startswith("verify"), (name, last)
            assert len(last) < 3000, name
    for unverified in (False, True):
        if not sound and not unverified:
            with pytest.raises(KitError, match=r"\A[^\n]+\Z"):
                plan_upload([place.results.root])
            continue
        if place.results.ledger.path.stat().st_size >= SPARSE_BYTES:
            continue  # it cannot be sent, marked or not
        for task in plan_upload([place.results.root], unverified=unverified).tasks:
            task.make()


@pytest.mark.parametrize("name", FORGED)
def test_forged_records(place: Place, kit: Kit, tmp_path: Path, name: str) -> None:
    place.run(forge=FORGED[name])
    check_all(place, kit, tmp_path, sound=False)


@pytest.mark.parametrize("name", [TRIAL, EVALUATIONS, "log.txt", "submission.tar.gz"])
def test_files_of_six_gigabytes(place: Place, kit: Kit, tmp_path: Path, name: str) -> None:
    os.truncate(place.run() / name, SPARSE_BYTES)
    check_all(place, kit, tmp_path, sound=False)


def test_a_ledger_of_six_gigabytes(place: Place, kit: Kit, tmp_path: Path) -> None:
    place.run()
    os.truncate(place.results.ledger.path, SPARSE_BYTES)
    check_all(place, kit, tmp_path, sound=False)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e+308", "-1e+308", "5e-324"])
def test_metrics_that_no_model_has(place: Place, kit: Kit, tmp_path: Path, value: str) -> None:
    """They are evidence like others; infinite ones never reach."""
    reached = math.isfinite(float(value)) and float(value) >= 0.9
    state = TrialState.TARGET_REACHED if reached else TrialState.COMPLETED_WITHOUT_TARGET
    folder = place.run(values=(0.1, 0.4, float(value)), state=state)
    assert not verify_record(folder).problems
    check_all(place, kit, tmp_path, sound=True)


def test_a_lost_ledger(place: Place, kit: Kit, tmp_path: Path) -> None:
    folder = place.run()
    place.results.ledger.path.unlink()
    for words in (("verify", place.results.root), ("verify", folder)):
        assert kit(*words)[0] == 1
    status, last = kit("score", place.results.root, "--ruleset", place.ruleset)
    assert (status, "lost its ledger" in last) == (1, True)


def test_swapped_records_are_named(place: Place, kit: Kit, tmp_path: Path) -> None:
    one, other = place.run(trial=1), place.run(trial=2)
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    for name in ("score", "report", "plan"):
        status, last = kit(*place.commands(tmp_path / "page.html")[name])
        assert status == 1, name
        assert "This is the record of first, mnist, study 1, trial" in last, name
    assert kit("verify", place.results.root)[0] == 1
