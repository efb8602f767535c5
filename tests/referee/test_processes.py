"""Freeze, audit and kill real process trees, escapees included."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.referee import isolation, proc
from kit.referee.processes import ProcessTree, become_subreaper

BUSY = "while True: pass"
FAMILY = """
import os, sys, time
if os.fork() == 0:                      # a child that works
    while True: pass
if os.fork() == 0:                      # a child in a session of its own
    os.setsid()
    while True: pass
if os.fork() == 0:                      # a grandchild whose parent is gone
    if os.fork() == 0:
        os.setsid()
        while True: pass
    os._exit(0)
os.wait()
while True: time.sleep(0.01)
"""
FORKING = """
import os, time
while True:
    if os.fork() == 0:
        time.sleep(0.05)
        os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
    time.sleep(0.001)
"""
BEFORE_EXEC = """
import os, sys
path = "FOLDER/fifo"
os.mkfifo(path)
never_comes = (os.POSIX_SPAWN_OPEN, 0, path, os.O_RDONLY, 0)
os.posix_spawn(sys.executable, ["true"], {}, file_actions=[never_comes])
"""


@pytest.fixture(params=["process", "bubblewrap"])
def prefix(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    if request.param == "process":
        return []
    if problem := isolation.bubblewrap_problem():
        pytest.skip(problem)
    folder = str(tmp_path)
    sandbox = ["bwrap", "--ro-bind", "/", "/", "--bind", folder, folder]
    return [*sandbox, "--unshare-all", "--die-with-parent", "--"]


@pytest.fixture
def launch(prefix: list[str]) -> Iterator[object]:
    become_subreaper()
    started: list[tuple[subprocess.Popen[bytes], ProcessTree]] = []

    def start(code: str) -> ProcessTree:
        process = subprocess.Popen([*prefix, sys.executable, "-c", code], start_new_session=True)
        tree = ProcessTree(process.pid)
        started.append((process, tree))
        return tree

    yield start
    for process, tree in started:
        tree.kill()
        process.wait()
        assert tree.pids() <= {process.pid}


def wait_for(tree: ProcessTree, count: int) -> None:
    deadline = time.monotonic() + 20
    while sum(1 for pid in tree.pids() if b"-c" in cmdline(pid)) < count:
        assert time.monotonic() < deadline, "the processes of the test did not start"
        time.sleep(0.01)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def state(pid: int) -> str:
    process = proc.read(pid)
    return process.state if process else ""


def test_frozen_processes_use_no_cpu_and_run_again_after(launch: object) -> None:
    tree = launch(FAMILY)  # type: ignore[operator]
    wait_for(tree, 4)
    before = tree.freeze()
    time.sleep(0.3)
    assert before.changes(tree.standstill()) == []
    tree.thaw()
    deadline = time.monotonic() + 10
    while not before.cpu_seconds(tree.standstill()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_family_that_keeps_forking_is_frozen(launch: object) -> None:
    tree = launch(FORKING)  # type: ignore[operator]
    wait_for(tree, 2)
    before = tree.freeze()
    time.sleep(0.2)
    assert before.changes(tree.standstill()) == []


def test_a_parent_that_waits_for_its_childs_exec_counts_as_stopped(
    launch: object, tmp_path: Path
) -> None:
    # Between vfork and exec the parent sleeps uninterruptibly: it is never seen as stopped.
    tree = launch(BEFORE_EXEC.replace("FOLDER", str(tmp_path)))  # type: ignore[operator]
    wait_for(tree, 2)
    deadline = time.monotonic() + 20
    while not any(state(pid) == "D" for pid in tree.pids()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    tree.freeze(timeout_seconds=5)
    tree.thaw()


def test_work_of_a_process_that_somebody_woke_is_seen(launch: object) -> None:
    tree = launch(BUSY)  # type: ignore[operator]
    wait_for(tree, 1)
    before = tree.freeze()
    for pid in tree.pids():
        os.kill(pid, signal.SIGCONT)
    time.sleep(0.3)
    assert before.cpu_seconds(tree.standstill()) > 0
    assert any("ran for" in change for change in before.changes(tree.standstill()))


def test_kill_leaves_nothing_behind(launch: object) -> None:
    tree = launch(FAMILY)  # type: ignore[operator]
    wait_for(tree, 4)
    tree.freeze()
    tree.kill()
    assert all(b"-c" not in cmdline(pid) for pid in tree.pids())
    assert tree.peak_resident_bytes > 0
