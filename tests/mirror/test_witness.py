"""The process that sends heads: what it sends, what a lost connection changes, when it ends."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time

import psutil
import pytest

import tests.wandb_server.listing_operations  # noqa: F401  # registers
from kit.cli.main import main
from kit.cli.witness_beside import witnessing
from kit.errors import InvalidFile, UsageError
from kit.mirror.witness import Follower, read_head
from kit.mirror.worker import Answer
from kit.records.record import TrialState
from tests.mirror.conftest import PROJECT
from tests.records.factory import Results, make_trial
from tests.wandb_server import Fault

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


@pytest.fixture
def own(tmp_path):
    """Return a results folder without a ledger."""
    return Results(tmp_path / "witnessed")


class Sender:
    """Takes what is sent, or refuses it."""

    def __init__(self):
        self.sent, self.problem = [], ""

    def __call__(self, replay):
        if not self.problem:
            self.sent.append(replay.summary["entries"])
        return Answer(problem=self.problem)


def test_every_new_head_is_sent_once(own):
    sender = Sender()
    follower = Follower(own.ledger.path, sender, tell=lambda _: None)
    assert follower.step()  # there is no ledger yet
    which = own.start(make_trial().record)
    assert follower.step()
    assert follower.step()
    own.ledger.end(which, TrialState.FAILED, None, own.key)
    assert follower.step()
    assert sender.sent == [4, 5]


def test_lost_connection_is_caught_up_with_the_newest_head(own):
    sender, now = Sender(), [0.0]
    follower = Follower(own.ledger.path, sender, tell=lambda _: None, now=lambda: now[0])
    sender.problem = "gone"
    which = own.start(make_trial().record)
    assert not follower.step()
    own.ledger.end(which, TrialState.FAILED, None, own.key)
    sender.problem = ""
    assert not follower.step()  # not at once: the server is spared
    now[0] = 100.0
    assert follower.step()
    assert sender.sent == [5]


def test_torn_last_line_is_not_sent(own):
    own.start(make_trial().record)
    with own.ledger.path.open("ab") as file:
        file.write(b'{"index": 3')
    assert read_head(own.ledger.path).entry.index == 3


def test_file_that_is_no_ledger_is_refused(own):
    own.root.mkdir(parents=True)
    own.ledger.path.write_text("hello\n")
    with pytest.raises(InvalidFile, match="not a ledger"):
        read_head(own.ledger.path)


def test_witness_without_a_key_is_refused_before_the_run(own):
    with pytest.raises(UsageError, match="--witness needs a W&B key"):  # noqa: SIM117
        with witnessing("team/stopwatch", own.root, as_json=False):
            raise AssertionError


def heads(server):
    found = server.state.artifacts.values()
    return [a for a in found if a.type == "stopwatch-witness" and a.state == "COMMITTED"]


def wait_for(server, line):
    """Wait until the ledger's line has arrived: of lines entered at once, the last is a head."""
    deadline = time.monotonic() + 90
    while line not in entries(server):
        assert time.monotonic() < deadline, "the head did not arrive"
        time.sleep(0.1)


def entries(server):
    return [server.state.files_of(artifact)["entry.json"] for artifact in heads(server)]


@pytest.mark.slow
def test_heads_of_a_run_arrive_through_a_restart_of_the_server(own, server, capfd):
    def lines():
        return own.ledger.path.read_bytes().splitlines(keepends=True)

    with witnessing(f"team/{PROJECT}", own.root, as_json=False):
        which = own.start(make_trial().record)
        wait_for(server, lines()[-1])
        server.stop()
        own.ledger.end(which, TrialState.FAILED, None, own.key)
        server.start()
        wait_for(server, lines()[-1])
    assert "W&B has dated every head" in capfd.readouterr().err
    assert [line for line in lines() if line in entries(server)] == entries(server), "in order"
    (run,) = server.state.runs.values()
    assert (run.name, run.fields["jobType"]) == (heads(server)[0].collection, "witness")


@pytest.mark.slow
def test_witness_is_no_child_of_the_run_and_ends_with_it(own, server, monkeypatch, capfd):
    # Other tests make this process one that inherits orphans, as a referee does after this point.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)
    monkeypatch.setattr("kit.cli.witness_beside.LINGER_SECONDS", 1.0)
    server.faults.inject(Fault("*", kind="cut", times=None))
    with witnessing(f"team/{PROJECT}", own.root, as_json=True):
        own.start(make_trial().record)
        time.sleep(2)
        running = psutil.process_iter(["ppid", "cmdline"])
        parents = [p.info["ppid"] for p in running if str(own.root) in (p.info["cmdline"] or [])]
        assert len(parents) == 1
        assert os.getpid() not in parents
    assert '"event": "witness"' in capfd.readouterr().err


def test_command_says_where_a_ledger_is_missing(own, tmp_path):
    words = [sys.executable, "-c", "from kit.cli.main import main; main()", "witness", tmp_path]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "has no ledger.jsonl" in ended.stderr


@pytest.mark.parametrize("command", ["run", "study"])
def test_witness_option_wants_a_project(command, capsys):
    with pytest.raises(SystemExit) as refused:
        main([command, "--witness", "team", *(["--workload", "mnist"] if command == "run" else [])])
    assert refused.value.code == 2
    assert "ENTITY/PROJECT, such as organisers/stopwatch. Received" in capsys.readouterr().err
