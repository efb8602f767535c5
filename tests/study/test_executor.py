"""A process is followed to its end, signalled as asked, and never left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from kit.contracts.trial_id import TrialId
from kit.study.executor import Ended, Event, LocalExecutor


class Asked:
    """Signals that a test has sent."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    @property
    def count(self) -> int:
        return len(self.names)

    def received(self) -> str | None:
        return self.names[0] if self.names else None


REQUEST = SimpleNamespace(id=TrialId("r", "s", "w", None, 1, 1), encode=lambda: "the request")


def run(
    code: str, signals: Asked | None = None, event=None
) -> tuple[Ended, list[Mapping[str, Any]]]:
    events: list[Mapping[str, Any]] = []
    signals, hear = signals or Asked(), event or events.append
    program = [sys.executable, "-c", "import sys, time, os, signal\n" + code]
    handed_on = 0
    with LocalExecutor(program=program) as executor:
        executor.submit(REQUEST)  # type: ignore[arg-type]
        while True:
            if signals.count > handed_on:
                if handed_on:
                    executor.kill()
                else:
                    executor.interrupt(signals.names[0])
                handed_on = signals.count
            happened = executor.next()
            if isinstance(happened, Event):
                hear(happened.fields)
            elif isinstance(happened, Ended):
                return happened, events


def test_a_process_gets_its_request_on_stdin() -> None:
    _, events = run('print(\'{"event": "x", "got": "%s"}\' % sys.stdin.read(), file=sys.stderr)')
    assert events == [{"event": "x", "got": "the request"}]


def test_two_trials_run_at_once() -> None:
    """Each waits for the file of the other, so that one after the other would never end."""
    code = (
        "import sys, pathlib, time; own, other = sys.stdin.read().split()\n"
        "pathlib.Path(own).touch()\n"
        "while not pathlib.Path(other).exists(): time.sleep(0.01)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{folder}/{n}" for n in (1, 2)]
        with LocalExecutor(capacity=2, program=[sys.executable, "-c", code]) as executor:
            for number, (own, other) in enumerate([names, names[::-1]], start=1):
                trial = replace(REQUEST.id, trial=number)
                text = f"{own} {other}"
                executor.submit(SimpleNamespace(id=trial, encode=lambda text=text: text))
            ended: list[Ended] = []
            while len(ended) < 2:
                happened = executor.next()
                ended += [happened] if isinstance(happened, Ended) else []
    assert {(one.id.trial, one.status) for one in ended} == {(1, 0), (2, 0)}


def test_events_and_other_lines_are_told_apart() -> None:
    ended, events = run(
        "e = sys.stderr\n"
        'print(\'{"event": "note", "message": "ü"}\', file=e)\n'
        "print('a crash', file=e); print('[1]', file=e); print('{\"x\": 1}', file=e)\n"
        "print('Error: it is wrong.', file=e); print('afterwards', file=e); sys.exit(2)\n"
    )
    assert events == [{"event": "note", "message": "ü"}]
    assert ended.status == 2
    assert ended.said == ("a crash", "[1]", '{"x": 1}', "Error: it is wrong.", "afterwards")
    assert ended.has_error
    assert ended.error == "it is wrong."


def test_a_death_says_how_it_came() -> None:
    ended, _ = run("print('last words', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)")
    assert (ended.status, ended.error, ended.has_error) == (-9, "last words", False)


WAITS = """
def end(number, frame):
    print('{"event": "got", "number": %d}' % number, file=sys.stderr, flush=True)
    if ENDS: sys.exit(130)
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, end)
print('{"event": "ready"}', file=sys.stderr, flush=True)
time.sleep(60); time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_is_handed_on(name: str) -> None:
    signals = Asked()
    heard = []

    def event(fields: Mapping[str, Any]) -> None:
        heard.append(fields)
        if fields["event"] == "ready":
            signals.names.append(name)

    ended, _ = run(f"ENDS = True\n{WAITS}", signals, event)
    assert ended.status == 130
    assert len(heard) == 2


def test_a_second_signal_kills() -> None:
    signals = Asked()
    ended, _ = run(f"ENDS = False\n{WAITS}", signals, lambda fields: signals.names.append("SIGINT"))
    assert ended.status == -9


def test_a_process_that_holds_the_pipe_open_does_not_hold_the_study() -> None:
    ended, events = run(
        "import subprocess\n"
        "left = subprocess.Popen(['sleep', '60'], stderr=sys.stderr)\n"
        'print(\'{"event": "left", "pid": %d}\' % left.pid, file=sys.stderr, flush=True)\n'
    )
    os.kill(events[0]["pid"], 9)  # it was still there, and the pipe with it
    assert ended.status == 0


def test_the_terminals_ctrl_c_reaches_a_process_through_this_one_alone() -> None:
    own = 'print(\'{"event": "x", "own": %d}\' % (os.getsid(0) == os.getpid()), file=sys.stderr)'
    _, events = run(own)
    assert events[0]["own"] == 1


def test_an_error_of_the_observer_leaves_no_process_behind() -> None:
    pids: list[int] = []

    def event(fields: Mapping[str, Any]) -> None:
        pids.append(fields["pid"])
        raise RuntimeError("the observer is broken")

    code = 'print(\'{"event": "x", "pid": %d}\' % os.getpid(), file=sys.stderr, flush=True)\n'
    with pytest.raises(RuntimeError, match="broken"):
        run(f"{code}time.sleep(60)", event=event)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.parametrize("right", [True, False])
def test_a_tied_run_dies_with_its_parent(right: bool) -> None:
    """`--tied-to` of `kit referee`: killed by the kernel, or at once where the parent is gone."""
    child = (
        "import os, sys, time; from kit.cli.referee import _tie; _tie(int(sys.argv[1]));"
        "print('tied', os.getpid(), flush=True); time.sleep(60)"
    )
    parent = (
        f"import subprocess, sys, os, time; pid = os.getpid() if {right} else 1\n"
        f"p = subprocess.Popen([sys.executable, '-c', {child!r}, str(pid)])\n"
        "p.wait(); print('child ended with', p.returncode, flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None
        said = p.stdout.readline().split()
        if not right:
            assert said == ["child", "ended", "with", "1"]
            return
        p.kill()
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{said[1]}") and _state(said[1]) != "Z":
            assert time.monotonic() < deadline, "the child outlived its parent"
            time.sleep(0.02)


def _state(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
