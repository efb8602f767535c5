"""Sends many runs, some side by side, each again after a failure, until nothing gets through."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from kit.errors import KitError
from kit.mirror.plan import Task
from kit.mirror.project import Destination
from kit.mirror.worker import Answer, Worker

ATTEMPTS = 3
_GIVE_UP_AFTER = 3  # runs in a row that did not get through: the server is gone


class Status(StrEnum):
    """What became of one run."""

    SENT = "sent"
    WAS_THERE = "was there"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Result:
    """One run and what became of it."""

    label: str
    run_id: str
    evidence: str  # name and alias of its artifact
    status: Status
    problem: str = ""
    note: str = ""


class Upload:
    """Sends tasks through `parallel` workers; `tell` hears of each result, one at a time."""

    def __init__(
        self,
        destination: Destination,
        *,
        parallel: int,
        tell: Callable[[Result], None],
        attempts: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._to = destination
        self._attempts = attempts or ATTEMPTS
        self._parallel = parallel
        self._tell = tell
        self._sleep = sleep
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._stopped = threading.Event()

    def run(self, tasks: Sequence[Task]) -> list[Result]:
        """Send all tasks; return the results in their order."""
        idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        with ExitStack() as stack:
            for _ in range(min(self._parallel, len(tasks))):
                worker = Worker(self._to)
                stack.callback(worker.close)
                idle.put(worker)
            pool = ThreadPoolExecutor(self._parallel)
            stack.callback(pool.shutdown, cancel_futures=True)
            try:
                return list(pool.map(lambda task: self._one(task, idle), tasks))
            except BaseException:
                self._stopped.set()
                raise

    def _one(self, task: Task, idle: queue.SimpleQueue[Worker]) -> Result:
        worker = idle.get()
        try:
            result = self._send(task, worker)
        finally:
            idle.put(worker)
        with self._lock:
            if result.status is Status.FAILED:
                self._failed_in_a_row += 1
            elif result.status is not Status.NOT_TRIED:
                self._failed_in_a_row = 0
            if self._failed_in_a_row >= _GIVE_UP_AFTER:
                self._stopped.set()
            self._tell(result)
        return result

    def _send(self, task: Task, worker: Worker) -> Result:
        if self._stopped.is_set():
            return Result(task.label, "", "", Status.NOT_TRIED)
        try:
            replay = task.make()
        except KitError as error:
            return Result(task.label, "", "", Status.FAILED, str(error))
        answer = Answer()
        for number in range(self._attempts):
            if number:
                self._sleep(min(self._to.timeout_seconds, 5.0**number))
            answer = worker.send(replay)
            if not (answer.problem and answer.repeat) or self._stopped.is_set():
                break
        status = Status.WAS_THERE if answer.was_there else Status.SENT
        evidence = f"{replay.bundle.name}:{replay.bundle.alias}"
        return Result(
            task.label,
            replay.run_id,
            evidence,
            Status.FAILED if answer.problem else status,
            answer.problem,
            answer.note,
        )
