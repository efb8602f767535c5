"""A trainer in the referee's process, for a debugger: the same session, and nothing is prevented.

The trainer's code has the main thread, where a debugger reaches the terminal; the referee has a
second one. They talk through an exchange directory, as two processes do.
"""

from __future__ import annotations

import signal
import threading
import time
from bdb import BdbQuit
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from kit.exchange import directory
from kit.exchange.channel import ChannelClosed, connect
from kit.referee.debugger import hide_thread
from kit.referee.isolation import TrainerFolders
from kit.referee.proc import Process
from kit.referee.processes import Processes
from kit.referee.recording import Verdict
from kit.trainer.__main__ import report_failure, train

_OVER = signal.SIGURG  # tells the main thread that the trial is over; ignored by default
_TICK_SECONDS = 0.05


class NoProcesses(Processes):
    """The processes of a trainer that has none: there is nothing to freeze, audit or kill."""

    def _members(self) -> dict[int, Process]:
        return {}

    def _signal(self, pids: Iterable[int], number: int) -> None: ...


class InlineTrainer:
    """The trainer's code in this process. What it prints goes to the terminal, not to the log."""

    grace_seconds = 0.0
    limited_by_kernel = False

    def __init__(self, folders: TrainerFolders) -> None:
        self.tree = NoProcesses()
        self._folders = folders
        self._training = True

    def run(self, referee: Callable[[], Verdict]) -> Verdict:
        """Train here, in the main thread, until `referee` in another thread has a verdict."""
        before = signal.signal(_OVER, self._leave)
        with (
            ThreadPoolExecutor(1, initializer=hide_thread) as pool,
            suppress(ChannelClosed),
        ):
            verdict = pool.submit(referee)
            verdict.add_done_callback(lambda _: self._recall())
            try:
                self._train()
            finally:
                self._training = False
        signal.signal(_OVER, before)
        return verdict.result()

    def _train(self) -> None:
        folders, interrupt = self._folders, signal.getsignal(signal.SIGINT)
        with closing(connect(folders.exchange / directory.SOCKET)) as channel:
            try:
                train(channel, folders.exchange, folders.submission, folders.extras)
            except ChannelClosed:
                raise
            except (BdbQuit, KeyboardInterrupt):  # "q" at the prompt means what Ctrl-C does
                signal.signal(signal.SIGINT, interrupt)
                signal.raise_signal(signal.SIGINT)
            except BaseException:  # noqa: BLE001 - submission code may raise anything
                report_failure(channel)
            finally:
                signal.signal(signal.SIGINT, interrupt)  # pdb takes it over

    def _recall(self) -> None:
        """End the training from the referee's thread, even if it catches exceptions."""
        while self._training:
            signal.pthread_kill(threading.main_thread().ident or 0, _OVER)
            time.sleep(_TICK_SECONDS)

    def _leave(self, number: int, frame: object) -> None:
        if self._training:
            raise ChannelClosed("the trial is over")

    def is_alive(self) -> bool:
        """Tell whether it still trains."""
        return self._training

    def end(self) -> None:
        """Do nothing: when `run` returns, the training has ended."""

    def exit_status(self, timeout_seconds: float = 5.0) -> str | None:
        """Say that there is none; None while it trains."""
        return None if self._training else "no exit status: it ran in the referee's process"

    def log(self) -> bytes:
        """Return nothing."""
        return b""
