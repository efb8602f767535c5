"""Inline trials: a debugger works in them, and they end like any other."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from kit.records.files import read_record
from kit.records.record import TrialState
from kit.records.verify import verify_record
from kit.referee.debugger import time_outside_debuggers
from tests.conftest import CHEATING, write_attack

PROMPT_SECONDS = 3.0  # longer than a trainer may be late


def converse(command: list[str], environment: dict[str, str], *, answer: bytes) -> str:
    """Run `command` on a terminal, and `answer` the debugger's prompt after some seconds."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown, answered = b"", False
    try:
        while select.select([ours], [], [], 120)[0]:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:  # Linux: the other side is closed
                break
            if b"(Pdb)" in shown and not answered:
                time.sleep(PROMPT_SECONDS)
                os.write(ours, answer + b"\n")
                answered = True
        process.wait(10)
    finally:
        process.kill()
        os.close(ours)
    return shown.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "state"),
    [("c", TrialState.COMPLETED_WITHOUT_TARGET), ("q", TrialState.INTERRUPTED)],
)
def test_a_breakpoint_stops_on_the_terminal_with_the_clock(
    mnist_data: None, tmp_path: Path, answer: str, state: TrialState
) -> None:
    folder = write_attack(tmp_path / "debugged", "debugged")
    command = [str(Path(sys.executable).with_name("kit")), "run", "--workload", "mnist", "--inline"]
    command += ["--submission", str(folder), "--ruleset", str(CHEATING / "cheating.yaml")]
    command += ["--results", str(tmp_path / "results")]
    environment = {**os.environ, "STOPWATCH_CONFIG": str(tmp_path / "config")}
    shown = converse(command, environment, answer=answer.encode())
    assert "-> time.sleep(0.1)" in shown, shown
    (trial,) = (tmp_path / "results/development").rglob("trial_1")
    record, evaluations = read_record(trial)
    assert record.state is state, record.reason
    assert not record.official
    assert record.submission_seconds - evaluations[1].submission_seconds < PROMPT_SECONDS
    report = verify_record(trial)
    assert not [str(f) for f in report.findings if f.status == "problem"], report


def test_the_record_claims_no_freezing_and_no_memory_of_a_trainer(attack) -> None:
    record = attack("honest", level="inline").record
    assert record.state is TrialState.COMPLETED_WITHOUT_TARGET, record.reason
    assert record.freezing.method == "none"
    assert record.peak_trainer_memory_bytes is None


def test_an_interrupt_ends_also_a_submission_that_catches_everything(attack) -> None:
    start = time.monotonic()
    outcome = attack("stubborn", level="inline")
    assert outcome.record.state is TrialState.INTERRUPTED
    assert "SIGINT" in outcome.record.reason
    assert time.monotonic() - start < 60.0
    report = verify_record(outcome.folder)
    assert not [str(f) for f in report.findings if f.status == "problem"], report


def test_an_exception_shows_its_traceback_at_once(attack, capfd: pytest.CaptureFixture) -> None:
    failure = attack("dies", KIND="exit", level="inline").record.failure
    assert "SystemExit" in failure.traceback
    assert failure.traceback in capfd.readouterr().err


@pytest.mark.parametrize(
    ("module", "function"), [("bdb", "trace_dispatch"), ("pydevd", "do_wait_suspend")]
)
def test_the_time_that_a_debugger_holds_the_main_thread_is_not_counted(
    module: str, function: str
) -> None:
    now_ns = time_outside_debuggers()
    spent: list[int] = []

    def referee() -> None:
        start_ns = now_ns()
        holds.wait()
        spent.append(now_ns() - start_ns)

    holds = threading.Event()
    debugger: dict[str, Any] = {"__name__": module, "holds": holds, "time": time}
    exec(f"def {function}():\n    holds.set()\n    time.sleep(0.5)", debugger)
    thread = threading.Thread(target=referee)
    thread.start()
    debugger[function]()
    thread.join()
    assert spent[0] < 0.25e9
