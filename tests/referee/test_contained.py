"""A trainer in another container: what it prints, and how it ended.

The other side is the real first process of a trainer's container, with a script as the trainer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import paths
from kit.errors import TrialError
from kit.exchange import directory
from kit.referee import contained
from kit.referee.contained import ContainedTrainer
from kit.referee.output import tail

GIB = 1 << 30
FIRST_PROCESS = """
import sys
from pathlib import Path
from kit.trainer import contained
contained.EXCHANGE, contained.SCRATCH = Path(sys.argv[1]), Path(sys.argv[1])
sys.executable = sys.argv[2]
contained.main()
"""


class Namespace:
    """Stands for the PID namespace: the processes that a test has started."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def any_running(self) -> bool:
        return any(process.poll() is None for process in self.started)

    def kill(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Namespace]:
    made = Namespace()
    monkeypatch.setattr(contained, "NamespaceProcesses", lambda: made)
    yield made
    made.kill()


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


@pytest.fixture
def awaited(exchange: Path, namespace: Namespace) -> Iterator[ContainedTrainer]:
    """A trainer that the referee waits for; nothing has connected yet."""
    trainer = ContainedTrainer(exchange, memory_limit_bytes=3 * GIB // 2)
    yield trainer
    trainer.end()


@pytest.fixture
def run(exchange: Path, namespace: Namespace, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that starts the trainer's container with a shell script as its trainer."""

    def start(script: str) -> None:
        program = tmp_path / "trainer.sh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        command = [sys.executable, "-c", FIRST_PROCESS, str(exchange), str(program)]
        namespace.started.append(
            subprocess.Popen(command, cwd=paths.PROJECT, start_new_session=True)
        )

    return start


def connected(exchange: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(exchange / directory.OUTPUT))
    except OSError:
        connection.close()
        raise
    return connection


@pytest.mark.parametrize("code", [0, 3])
def test_what_it_printed_is_kept_and_its_exit_status_told(awaited, run, namespace, code):
    run(f"echo first; echo second >&2; exit {code}")
    assert awaited.exit_status(timeout_seconds=60) == f"exit status {code}"
    assert awaited.log() == b"first\nsecond\n"
    assert tail(awaited.log()) == "first\nsecond"
    assert namespace.started[0].wait() == code


def test_the_trainer_is_told_where_the_exchange_is_and_inherits_nothing(
    awaited, run, exchange, monkeypatch
):
    monkeypatch.setenv("CANARY", "inherited")
    run('echo "$@" "canary: $CANARY"; pwd')
    assert awaited.exit_status(timeout_seconds=60) == "exit status 0"
    arguments, folder = tail(awaited.log()).splitlines()
    assert arguments == f"-P -s -m kit.trainer {exchange} {exchange}/submission canary: "
    assert folder == str(exchange)


def test_a_kill_is_told_with_the_memory_limit_that_may_explain_it(awaited, run, namespace):
    run("echo before; kill -KILL $$")
    assert awaited.exit_status(timeout_seconds=60) == (
        "killed by SIGKILL, as the kernel does beyond the memory limit of 1.5 GiB"
    )
    assert awaited.log() == b"before\n"
    assert namespace.started[0].wait() == 128 + 9


def test_another_signal_is_told_as_it_is(awaited, run):
    run("kill -SEGV $$")
    assert awaited.exit_status(timeout_seconds=60) == "killed by SIGSEGV"


def test_an_end_that_nobody_reports_is_told_so(awaited, run, namespace, exchange):
    run("echo here; exec sleep 600")
    while (exchange / directory.OUTPUT).exists():  # both connections are there: it is removed
        assert namespace.any_running()
        time.sleep(0.01)
    assert awaited.is_alive()
    assert awaited.exit_status(timeout_seconds=0) is None
    namespace.kill()
    assert awaited.exit_status(timeout_seconds=60) == "not reported"
    assert not awaited.is_alive()


def test_what_the_container_says_of_itself_is_checked_before_anything_starts(
    awaited, run, exchange, monkeypatch
):
    monkeypatch.setattr(contained, "trainer_facts", lambda pids: {})
    awaited.tree.pids = set
    run("exec sleep 600")  # on this machine, where everything can be seen
    with pytest.raises(TrialError, match=r"the trainer can (see|write to) /"):
        awaited.check_walls(Path("/data/mnist/mini/train"), None)


def test_a_status_of_nothing_is_not_reported(awaited, exchange, namespace):
    namespace.started.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
    connected(exchange).close()
    connected(exchange).close()
    awaited._listening.join(timeout=60)
    assert awaited.exit_status(timeout_seconds=0) == "not reported"


def test_a_trainer_that_ends_before_it_is_complete_has_not_reported(awaited, exchange):
    connected(exchange).close()
    assert awaited.exit_status() == "not reported"


def test_a_status_is_cut_and_need_not_be_text(awaited, exchange):
    output, status = connected(exchange), connected(exchange)
    status.sendall(b"{}\n" + b"\xff" * 4096)
    awaited._listening.join(timeout=60)
    for connection in (output, status):
        connection.close()
    assert awaited.exit_status() == "\N{REPLACEMENT CHARACTER}" * contained._MAX_STATUS_BYTES


def test_a_third_connection_is_refused(awaited, exchange):
    with connected(exchange), connected(exchange) as status:
        status.sendall(b"{}\nexit status 0\n")
        awaited._listening.join(timeout=60)
        with pytest.raises(FileNotFoundError):
            connected(exchange)


def test_another_user_may_connect(awaited, exchange):
    assert (exchange / directory.OUTPUT).stat().st_mode & 0o777 == 0o666


def test_a_trainer_that_has_not_come_yet_is_awaited_and_has_said_nothing(awaited):
    assert awaited.is_alive()
    assert awaited.log() == b""
    assert tail(awaited.log()) == ""


@pytest.mark.parametrize("connections", [0, 1])
def test_the_end_wakes_a_listener_that_waits_for_a_connection(awaited, exchange, connections):
    made = [connected(exchange) for _ in range(connections)]
    awaited.end()
    for connection in made:
        connection.close()
    assert not awaited._listening.is_alive()
    assert not (exchange / directory.OUTPUT).exists()


def test_the_end_comes_once_more_without_harm(awaited):
    awaited.end()
    awaited.end()
