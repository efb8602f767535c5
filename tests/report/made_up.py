"""Facts of made-up results: a small leaderboard of records, a log, and a hostile record."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from kit.records.record import Failure, StopReason, TrialState
from kit.report.facts import Facts, gather
from kit.scoring.leaderboard import score
from kit.scoring.reading.load import Request, load
from tests.records import factory
from tests.records.factory import Results
from tests.scoring.reading.records_factory import ruleset_file, run

HEADER = "submission,study,workload,trial,global_step,accumulated_submission_time,value"
HOSTILE = "<img src=x onerror=hacked()>$\\frac$'\"&amp;{{7*7}}"
HOSTILE_SCRIPT = "</script>\u202e\x1b[2J<script>window.hacked = 1</script><!--"


def facts_of(*paths: Path, **options: Any) -> Facts:
    """Read, score and gather."""
    loaded = load(Request(paths=paths, **options))
    return gather(loaded, score(loaded.results, resamples=200))


def small_log(folder: Path) -> tuple[Path, Path]:
    """Write a log of two submissions, two studies of two trials; return it and its ruleset."""
    rows = []
    for name, speed in (("first", 1.0), ("second", 2.0), ("never", 0.0)):
        for study in (1, 2):
            for trial in (1, 2):
                last = 0.95 if speed else 0.5
                for number, value in enumerate((0.1, 0.6, last), start=1):
                    seconds = 5 * number * (speed or 1) + study + trial
                    rows.append(f"{name},{study},mnist,{trial},{100 * number},{seconds},{value}")
    path = folder / "log.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path, ruleset_file(folder)


def small_leaderboard(folder: Path) -> tuple[Results, Path]:
    """Run two submissions: all states, one trial stopped early, one missing."""
    results, ruleset = Results(folder), ruleset_file(folder)
    slower = {"values": (0.1, 0.2, 0.3, 0.4, 0.5, 0.95), "study": 2}
    run(results, ruleset, "first", hyperparameters={"learning_rate": 0.001, "decay": 0.1})
    run(results, ruleset, "first", trial=2, hyperparameters={"learning_rate": 0.1, "decay": 0.1})
    run(results, ruleset, "first", **slower)
    run(results, ruleset, "first", study=2, trial=2, state=TrialState.FAILED,
        reason="The trainer ended by itself.",
        failure=Failure(traceback="Traceback: no", exit_status="exit status 1"))  # fmt: skip
    first = results.root / "example/first/mnist/study_1/trial_1/attestation.json"
    reason = StopReason(rule="slower than the study's best", evidence=[digest(first)])
    run(results, ruleset, "second")
    run(results, ruleset, "second", trial=2, state=TrialState.STOPPED_EARLY, values=(0.1,) * 5,
        reason="No continuation could change a score.", stop_reasons=[reason])  # fmt: skip
    run(results, ruleset, "second", **slower)
    return results, ruleset


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def hostile_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Results, Path]:
    """Write a record in which every text that may say anything is an attack."""
    monkeypatch.setattr(factory, "LOG", HOSTILE_SCRIPT.encode())
    monkeypatch.setattr(factory, "ENVIRONMENT", {HOSTILE: HOSTILE_SCRIPT, "cpu": HOSTILE_SCRIPT})
    results, ruleset = Results(folder), ruleset_file(folder)
    for trial in (1, 2):
        run(results, ruleset, "first", trial=trial, state=TrialState.FAILED, reason=HOSTILE_SCRIPT,
            official=False, unofficial_reasons=[HOSTILE_SCRIPT, HOSTILE], kit_version=HOSTILE,
            hyperparameters={"rate": f"{HOSTILE} {trial}", "text": f"{HOSTILE}</script>"},
            failure=Failure(traceback=HOSTILE_SCRIPT, exit_status=HOSTILE, log_tail=HOSTILE),
            )  # fmt: skip
    return results, ruleset
