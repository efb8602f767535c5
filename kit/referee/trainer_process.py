"""A trainer that the referee launches: its process, its output, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Protocol

from kit.referee.freezer import make_freezer
from kit.referee.isolation import Launch
from kit.referee.output import Output
from kit.referee.processes import Processes, ProcessTree, become_subreaper


class Trainer(Protocol):
    """What a session needs of a trainer, wherever it runs."""

    grace_seconds: float  # how long a signal to the referee may come after the trainer's end
    limited_by_kernel: bool  # in memory; otherwise the referee looks

    @property
    def tree(self) -> Processes: ...
    def is_alive(self) -> bool: ...
    def end(self) -> None: ...
    def exit_status(self, timeout_seconds: float = 5.0) -> str | None: ...
    def log(self) -> bytes: ...


class TrainerProcess:
    """The process tree of one trainer and what it prints."""

    grace_seconds = 0.0
    limited_by_kernel = False

    def __init__(self, launch: Launch) -> None:
        become_subreaper()
        freezer = make_freezer()
        command = launch.command
        descriptors: tuple[int, ...] = ()
        if launch.bubblewrap_filter:
            descriptors = (_readable(launch.bubblewrap_filter),)
            command = [command[0], "--seccomp", str(descriptors[0]), *command[1:]]
        self._process = subprocess.Popen(
            freezer.entering(command) if freezer else command,
            env=launch.environment,
            cwd=launch.working_directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for the referee alone
            pass_fds=descriptors,
        )
        for descriptor in descriptors:
            os.close(descriptor)
        _prefer_for_oom_killer(self._process.pid)
        assert self._process.stdout is not None
        self._output = Output(self._process.stdout)
        self.tree = ProcessTree(self._process.pid, freezer)

    def is_alive(self) -> bool:
        """Tell whether the launched process still runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """Kill the whole tree and collect the exit status."""
        self.tree.kill()
        self._process.wait(timeout=10)

    def exit_status(self, timeout_seconds: float = 5.0) -> str | None:
        """Say how the process ended; None while it runs on."""
        try:
            code = self._process.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        number = -code if code < 0 else code - 128
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"exit status {code}"

    def log(self) -> bytes:
        """Return what the trainer printed, its middle left out when it is long."""
        return self._output.content()


def _readable(content: bytes) -> int:
    """Return a descriptor to read `content` from."""
    descriptor = os.memfd_create("content")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _prefer_for_oom_killer(pid: int) -> None:
    try:
        with open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        return  # the process is gone already; its end is noticed elsewhere
