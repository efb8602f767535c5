"""Processes and folders that interrupted trials left behind."""

from __future__ import annotations

import os
import time

import psutil

from kit.doctor import Level, leftovers


class FakeProcess:
    """A process with a command and ancestors."""

    def __init__(self, pid, command, parents=()):
        self.pid, self._command, self._parents = pid, command, parents

    def cmdline(self):
        if self._command is None:
            raise psutil.NoSuchProcess(self.pid)
        return self._command

    def parents(self):
        return self._parents

    def status(self):
        return "stopped"


def test_trainer_without_a_referee_is_found_and_others_are_left_alone():
    trainer = ["/venv/bin/python", "-P", "-m", "kit.trainer", "/exchange", "/submission"]
    referee = FakeProcess(10, ["/venv/bin/python", "/venv/bin/kit", "run"])
    init = FakeProcess(1, ["/sbin/init"])
    bwrap = FakeProcess(11, ["bwrap", "--", *trainer])
    processes = [
        FakeProcess(20, trainer, [bwrap, referee, init]),
        FakeProcess(21, trainer, [bwrap, init]),
        FakeProcess(22, ["vim", "kit.trainer"], [init]),
        FakeProcess(23, None),
    ]
    finding = leftovers.trainers(processes)
    assert finding.text == "trainers without a referee: 21 (stopped)"
    assert finding.fix == "kill -KILL 21"
    assert leftovers.trainers(processes[:1]).level is Level.OK


def test_abandoned_folder_is_found_and_one_in_use_is_not(tmp_path):
    uploads = ("stopwatch-uploads-0", "stopwatch-upload-abc")
    old = ("stopwatch-old", "stopwatch-used", "stopwatch-key-1", *uploads)
    for name in (*old, "stopwatch-new", "other"):
        (tmp_path / name).mkdir()
    for name in old:
        os.utime(tmp_path / name, (time.time() - 3600,) * 2)
    commands = [["bwrap", "--bind", str(tmp_path / "stopwatch-used"), "/exchange"]]
    finding = leftovers.folders([tmp_path], commands)
    assert finding.fix == f"rm -r {tmp_path / 'stopwatch-old'}"
