"""Every known way to run while the clock stands: it works, is seen, and each defence stops it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kit.referee import freezer as freezing
from kit.referee.freezer import Freezer, make_freezer
from kit.referee.proc import Thread
from kit.referee.processes import ProcessTree, become_subreaper
from kit.referee.standstill import Standstill
from tests.conftest import CHEATING

WAKERS = CHEATING / "attacks" / "wakers.py"
KINDS = ["by_timer", "by_parent_death", "by_orphaned_group", "by_directory", "behind_ballast"]
FILTERED = [sys.executable, "-P", "-s", "-m", "kit.trainer.seccomp"]

KILLED = """
import os, signal, subprocess, sys, time
from kit.referee.freezer import make_freezer
freezer = make_freezer()
if freezer is None:
    sys.exit(3)
none = subprocess.DEVNULL
subprocess.Popen(freezer.entering(["sleep", "600"]), stdout=none, stderr=none)
while len(freezer.pids()) < 1:
    time.sleep(0.01)
freezer.freeze(1.0)
print(freezer._folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

Start = Callable[..., ProcessTree]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts an attack, in a cgroup or under the filter."""
    become_subreaper()
    started: list[tuple[subprocess.Popen[bytes], ProcessTree]] = []

    def run(*kinds: str, inside: Freezer | None = None, prefix: Sequence[str] = ()) -> ProcessTree:
        command = [*prefix, sys.executable, str(WAKERS), str(tmp_path), *kinds]
        if inside:
            command = inside.entering(command)
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        tree = ProcessTree(process.pid, inside)
        started.append((process, tree))
        return tree

    yield run
    for process, tree in started:
        tree.kill()
        process.wait()


@pytest.fixture(params=["cgroup2", "cgroup1"])
def freezer(request: pytest.FixtureRequest) -> Freezer:
    made = make_freezer([request.param])
    if made is None:
        pytest.skip(f"no {request.param} can be made here")
    return made


def pause(
    tree: ProcessTree, folder: Path, *, seconds: float = 1.0
) -> tuple[Standstill, Standstill]:
    """Freeze a family in its loop, let it try what it can; return its threads before and after."""
    (folder / "data").write_text("read by the referee, as weights are")
    time.sleep(1.5)
    before = tree.freeze()
    (folder / "computed").unlink(missing_ok=True)  # a machine under load stands still, too
    time.sleep(0.6)
    (folder / "data").read_text()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not (folder / "computed").exists():
        time.sleep(0.05)
    return before, tree.standstill()


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_in_a_pause_is_seen(start: Start, tmp_path: Path, kind: str) -> None:
    before, after = pause(start(kind), tmp_path, seconds=10)
    assert (tmp_path / "computed").exists(), "the attack must work where nothing prevents it"
    assert before.changes(after)
    if kind != "by_timer":  # that one is gone, and its time with it
        assert before.cpu_seconds(after) > 0.1


def test_the_filter_of_system_calls_stops_them(start: Start, tmp_path: Path) -> None:
    before, after = pause(start(*KINDS, prefix=FILTERED), tmp_path)
    assert not (tmp_path / "computed").exists()
    assert before.changes(after) == []


def test_a_frozen_cgroup_stops_them(start: Start, tmp_path: Path, freezer: Freezer) -> None:
    tree = start(*KINDS, inside=freezer)
    pause(tree, tmp_path)
    assert not (tmp_path / "computed").exists()
    freezing = tree.freezing()
    assert freezing is not None
    assert freezing.method == freezer.method


@pytest.mark.parametrize("inside", [False, True])
def test_a_process_whose_first_thread_has_ended_is_killed(
    start: Start, tmp_path: Path, inside: bool
) -> None:
    tree = start("without_leader", inside=make_freezer() if inside else None)
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    pid = int((tmp_path / "pid").read_text())
    before = tree.freeze()
    time.sleep(0.2)
    assert len([thread for thread in before.threads if thread.pid == pid]) == 2
    assert before.changes(tree.standstill()) == []
    assert tree.any_running()
    tree.kill()
    assert not Path(f"/proc/{pid}/task").exists() or len(os.listdir(f"/proc/{pid}/task")) == 1


def test_the_cgroup_of_a_referee_that_was_killed_is_removed(monkeypatch) -> None:
    """Its trainer was frozen, and under version 1 not even SIGKILL ends that."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False
    )
    if done.returncode == 3:
        pytest.skip("no cgroup can be made here")
    folder = Path(done.stdout.strip())
    assert folder.exists()
    monkeypatch.setattr(freezing, "_LOCKED_SECONDS", 0)
    mine = make_freezer()
    assert mine is not None
    assert not folder.exists()
    mine.close()


def thread(**fields: object) -> Thread:
    return Thread(**{"pid": 7, "tid": 7, "started_ticks": 1, "state": "T", "cpu_ns": 5,
                        "timeslices": 2, **fields})  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([thread()], [thread()], []),
        ([thread()], [thread(cpu_ns=6)], ["thread 7 of process 7 ran for 0.000 ms"]),
        ([thread()], [thread(timeslices=3)], ["thread 7 of process 7 ran for 0.000 ms"]),
        ([thread()], [thread(state="S")], ["thread 7 of process 7 went from state T to S"]),
        ([thread()], [], ["thread 7 of process 7 is gone"]),
        ([], [thread(tid=8)], ["thread 8 of process 7 is new"]),
        ([thread()], [thread(started_ticks=9)],
         ["thread 7 of process 7 is gone", "thread 7 of process 7 is new"]),
        ([thread(state="Z")], [], []),
        ([thread(state="Z"), thread(tid=8)], [thread(tid=8)], ["thread 7 of process 7 is gone"]),
        ([thread(state="D")], [thread(timeslices=3, cpu_ns=1_000_005)], []),
        ([thread(state="D")], [thread(timeslices=3, cpu_ns=1_000_006)],
         ["thread 7 of process 7 ran for 1.000 ms"]),
        ([thread(state="D")], [thread(state="S")],
         ["thread 7 of process 7 went from state D to S"]),
    ],
)  # fmt: skip
def test_all_that_is_not_as_it_was_is_named(
    before: list[Thread], after: list[Thread], said: list[str]
) -> None:
    assert Standstill(frozenset(before)).changes(Standstill(frozenset(after))) == said


def test_cpu_time_is_compared_by_thread() -> None:
    before = Standstill(frozenset([thread(cpu_ns=9 * 10**9), thread(tid=8, cpu_ns=10**9)]))
    after = Standstill(frozenset([thread(tid=8, cpu_ns=3 * 10**9), thread(tid=9, cpu_ns=10**9)]))
    assert before.cpu_seconds(after) == 3.0
