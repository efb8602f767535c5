"""The lock that keeps uploads of one run apart."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from kit.mirror.alone import alone

HOLD = """
import time
from kit.mirror.alone import alone

with alone("sw-1"):
    print(flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let temporary files go below the test's own folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_many_that_send_one_run_take_turns_and_leave_nothing(folder):
    inside, most = 0, 0

    def send() -> None:
        nonlocal inside, most
        for _ in range(200):
            with alone("sw-1"):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_other_runs_do_not_wait():
    with alone("sw-1"), alone("sw-2"):
        pass


def test_who_is_killed_keeps_nobody_waiting():
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        with alone("sw-1"):
            process.wait()
