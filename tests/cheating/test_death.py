"""However a trainer dies, the record says so and nothing is left behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kit.records.record import TrialState
from tests.conftest import in_containers, unshut


def processes_with(text: bytes) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("exit", "SystemExit", marks=pytest.mark.slow),
        pytest.param("os_exit", "exit status 0", marks=pytest.mark.slow),
        pytest.param("abort", "SIGABRT", marks=pytest.mark.slow),
        ("kill", "SIGKILL"),
        pytest.param("segfault", "SIGSEGV", marks=pytest.mark.slow),
        ("raise", r"ValueError: an ordinary mistake \ud800\u202e\x1b[2J"),
    ],
)
def test_a_dead_trainer_leaves_a_failed_record(attack, kind: str, said: str) -> None:
    record = attack("dies", KIND=kind).record
    assert record.state is TrialState.FAILED
    assert said in record.reason
    assert record.failure is not None
    assert record.failure.exit_status
    assert record.time_to_target_seconds is None
    if kind == "raise":
        assert "submission.py" in record.failure.traceback
        assert "an ordinary mistake" in record.failure.log_tail
        assert "\\x1b[2J\\u202e\n" in record.failure.log_tail
        for line in (*record.failure.traceback.split("\n"), *record.failure.log_tail.split("\n")):
            assert line.isprintable()


def test_a_trainer_over_its_memory_limit_is_stopped(attack) -> None:
    record = attack("exceed_memory", memory_limit_bytes=2 << 30).record
    assert record.state is TrialState.FAILED
    assert "of memory; the limit is 2.0 GiB" in record.reason


@pytest.mark.parametrize("level", [unshut, "auto", in_containers])
def test_no_child_survives_the_trial(attack, level: str) -> None:
    record = attack("surviving_child", level=level).record
    assert record.state is TrialState.COMPLETED_WITHOUT_TARGET, record.reason
    deadline = time.monotonic() + 5
    while processes_with(b"survivor-of-the-test"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_trainer_that_dies_before_it_is_ready_leaves_a_failed_record(
    sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training data is hidden, so that building fails off the clock."""
    monkeypatch.setattr("kit.referee.launching.train_folder", lambda *_: Path("/nonexistent"))
    outcome = sandboxed("honest")
    assert outcome.record.state is TrialState.FAILED
    assert outcome.record.submission_seconds == 0
    assert "kit data prepare mnist" in outcome.record.failure.traceback
