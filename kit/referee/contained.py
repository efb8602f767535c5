"""A trainer in a container of its own, seen through the PID namespace that the referee owns.

The referee did not start it and is no parent of it. It freezes, counts and kills every process of
the namespace; what the trainer prints, and how it ended, comes through a socket in the exchange.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kit.errors import TrialError
from kit.exchange import directory
from kit.referee.output import Output
from kit.referee.processes import NamespaceProcesses
from kit.referee.surroundings import MAX_REPORT_BYTES, surroundings_facts
from kit.referee.walls import trainer_facts
from kit.referee.workspace import write_code
from kit.trainer.surroundings import surroundings

EXCHANGE = Path("/exchange")
_MAX_STATUS_BYTES = 100
_REPORT_SECONDS = 10.0
_POLL_SECONDS = 0.01


class ContainedTrainer:
    """The trainer's container: whatever appears in the namespace belongs to it."""

    # Who stops both containers stops this one first, and the referee must hear of it before it
    # calls the trainer's end a failure.
    grace_seconds = 3.0
    # By what processes hold together. A sum over them counts what forked children share each time.
    limited_by_kernel = True

    def __init__(self, exchange: Path, memory_limit_bytes: int) -> None:
        self.tree = NamespaceProcesses()
        self._memory_limit_bytes = memory_limit_bytes
        self._output: Output | None = None
        self._status = ""
        self._report = b""
        self._reported = threading.Event()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path = exchange / directory.OUTPUT
        self._door.bind(str(self._path))
        self._path.chmod(0o666)
        self._door.listen(2)
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        """Take two connections, before submission code exists: its output, and its own words."""
        with contextlib.suppress(OSError):  # closed: the trial is over
            output, _ = self._door.accept()
            self._output = Output(output.makefile("rb", buffering=0))
            output.close()
            status, _ = self._door.accept()
            self._path.unlink(missing_ok=True)
            with status, status.makefile("rb") as lines:
                self._report = lines.readline(MAX_REPORT_BYTES)
                self._reported.set()
                said = lines.readline(_MAX_STATUS_BYTES).decode("ascii", errors="replace")
            self._status = said.strip() or "not reported"

    def is_alive(self) -> bool:
        """Tell whether it runs, or is still awaited."""
        return self._output is None or self.tree.any_running()

    def check_walls(
        self, training_data: Path, evidence: Mapping[str, Any] | None
    ) -> Mapping[str, object]:
        """Return what shuts the trainer in: as the kernel shows it, and as it sees itself.

        Args:
            training_data: the only folder of data that it may see.
            evidence: of the engine, which names the container; None without an inspection.

        Raises:
            TrialError: something is open that `docker-compose.yml` keeps shut.
        """
        by_kernel = trainer_facts(self.tree.pids())
        self._reported.wait(timeout=_REPORT_SECONDS)
        by_itself = surroundings_facts(
            self._report,
            own=surroundings(),
            training_data=training_data,
            memory_limit_bytes=self._memory_limit_bytes,
            hostname=evidence["trainer"][:12] if evidence else None,
        )
        return {**by_kernel, **by_itself}

    def end(self) -> None:
        """Kill every process of the namespace."""
        self.tree.kill()
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits
        self._door.close()
        self._listening.join(timeout=5.0)

    def exit_status(self, timeout_seconds: float = 5.0) -> str | None:
        """Say how the trainer ended, as its container reports it; None while it runs on."""
        deadline = time.monotonic() + timeout_seconds
        while not self._status and self.tree.any_running():
            if time.monotonic() > deadline:
                return None
            time.sleep(_POLL_SECONDS)
        self._listening.join(timeout=1.0)
        if self._status == "killed by SIGKILL":
            limit = self._memory_limit_bytes / 2**30
            return f"{self._status}, as the kernel does beyond the memory limit of {limit:.1f} GiB"
        return self._status or "not reported"

    def log(self) -> bytes:
        """Return what the trainer printed, its middle left out when it is long."""
        return self._output.content() if self._output else b""


@contextlib.contextmanager
def furnished_exchange(sources: Mapping[str, bytes], exchange: Path = EXCHANGE) -> Iterator[Path]:
    """Empty the exchange, lay the submission's code there, and empty it again afterwards.

    The trainer gets the very bytes that the record archives, and no manifest: it names workloads.

    Raises:
        TrialError: the exchange is not there, or cannot be written.
    """
    if not exchange.is_dir():
        raise TrialError(
            f"There is no {exchange}: the referee of a container is started by docker-compose.yml. "
            "Use: kit run --engine docker."
        )
    try:
        _empty(exchange)
        write_code(exchange / directory.SUBMISSION, sources)
    except OSError as error:
        raise TrialError(f"The exchange {exchange} cannot be used: {error}.") from None
    try:
        yield exchange
    finally:
        with contextlib.suppress(OSError):
            _empty(exchange)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            os.unlink(path)
