"""A process that sends runs one by one, and is replaced when one does not come out well.

After a failure the SDK keeps the run's id in use ("run ID … is in use") and goes on trying in the
background, or waits for a server that is gone. Killing a group of processes takes that away.
"""

from __future__ import annotations

import os
import pickle
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit.errors import KitError, VerificationError
from kit.mirror.alone import alone
from kit.mirror.offline import OfflineFolder
from kit.mirror.project import Destination, Project, Standing, one_line
from kit.mirror.replay import Replay

# The SDK reads more than sixty variables. What is not about reaching the server has no say here:
# WANDB_RUN_ID would put all trials into one run, WANDB_TAGS would call a run official.
_KEPT = {
    "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_HTTP_TIMEOUT",
    "WANDB_INSECURE_DISABLE_SSL", "WANDB_ERROR_REPORTING", "WANDB_HTTP_PROXY", "WANDB_HTTPS_PROXY",
    "WANDB_X_EXTRA_HTTP_HEADERS",
}  # fmt: skip
_PATIENCE = 8  # timeouts that one run may take at most, all waits of the SDK together …
_START_SECONDS = 60.0  # … and for the process: importing the SDK took 10 s on a busy machine
_SERVE = "from kit.mirror.worker import serve; serve()"


@dataclass(frozen=True)
class Answer:
    """How one attempt at a run came out."""

    was_there: bool = False
    problem: str = ""
    repeat: bool = False  # another attempt may come out better
    note: str = ""


class Mirror(Protocol):
    """Where runs are sent or written."""

    def look(self, replay: Replay) -> tuple[Standing, str]:
        """Tell whether a run is there as it should be, and if not, what differs."""
        ...

    def send(self, replay: Replay, *, evidence: bool = True) -> None:
        """Send a run, and its evidence if that is not there."""
        ...


class Worker:
    """Sends runs in a process of its own, started when there is a run and ended by `close`."""

    def __init__(self, destination: Destination) -> None:
        self._to = destination
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = Path()

    def send(self, replay: Replay) -> Answer:
        """Look whether a run is there, send it if not, and read it back."""
        process = self._process or self._start()
        try:
            answer = self._ask(process, replay)
        except (EOFError, OSError, pickle.UnpicklingError):
            answer = Answer(problem="The process that sends was ended from outside.", repeat=True)
        if answer.problem:
            self.close()
        return answer

    def close(self) -> None:
        """End the process, and with it whatever the SDK still tries."""
        if self._process is None:
            return
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        self._scratch = Path(tempfile.mkdtemp(prefix="stopwatch-upload-"))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        self._tell(self._process, (self._to, self._scratch))
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], replay: Replay) -> Answer:
        assert process.stdout is not None
        self._tell(process, replay)
        patience = _START_SECONDS + _PATIENCE * self._to.timeout_seconds
        ready, _, _ = select.select([process.stdout], [], [], patience)
        if not ready:
            return Answer(problem="The SDK did not come to an end.", repeat=True)
        answer: Answer = pickle.load(process.stdout)
        return answer

    @staticmethod
    def _tell(process: subprocess.Popen[bytes], message: object) -> None:
        assert process.stdin is not None
        rest = memoryview(pickle.dumps(message))
        while rest:
            rest = rest[process.stdin.write(rest) :]


def serve() -> None:
    """Answer one run after another until the other side is gone; what is printed goes nowhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    destination, scratch = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_sender, args=(scratch,), daemon=True).start()
    isolate(destination, scratch)
    mirror: Mirror | None = None
    while True:
        try:
            replay: Replay = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if mirror is None:
                mirror = open_mirror(destination, scratch)
            with alone(replay.run_id):
                answer = attempt(mirror, replay)
        except VerificationError as error:
            answer = Answer(problem=str(error))
        except KitError as error:
            answer = Answer(problem=str(error), repeat=True)
        except Exception as error:  # noqa: BLE001  # whatever SDK and HTTP library raise
            problem = f"The SDK gave up: {type(error).__name__}: {one_line(error)}"
            answer = Answer(problem=problem, repeat=True)
        pickle.dump(answer, answers)
        answers.flush()


def open_mirror(destination: Destination, scratch: Path) -> Mirror:
    """Return the place that runs go to.

    Raises:
        UploadFailed: the server does not answer, or does not take the key.
    """
    if destination.offline is not None:
        return OfflineFolder(destination)
    return Project(destination, scratch)


def attempt(mirror: Mirror, replay: Replay) -> Answer:
    """Make sure, once, that a run is there as it was signed."""
    standing, before = mirror.look(replay)
    if standing is Standing.THERE:
        return Answer(was_there=True)
    differed = standing is Standing.DIFFERS
    mirror.send(replay, evidence=standing is not Standing.UNFINISHED)
    standing, after = mirror.look(replay)
    name = f"{replay.bundle.name}:{replay.bundle.alias}"
    if standing in (Standing.THERE, Standing.UNFINISHED):
        notes = []
        if differed:
            notes.append(
                f"W&B's copy of {name} was not the signed one ({before}); it was sent again."
            )
        if standing is Standing.UNFINISHED:
            notes.append(f"{after}, although its session was ended.")
        return Answer(note=" ".join(notes))
    if standing is Standing.MISSING:
        return Answer(problem=f"{name} was sent, and is {standing}.", repeat=True)
    problem = f"W&B's copy of {name} is not the signed one: {after}. Delete it there, then repeat."
    return Answer(problem=problem, repeat=True)


def _end_with_sender(scratch: Path) -> None:
    """Wait until the other side is gone, even killed, and end the whole group then."""
    hung_up = select.poll()
    hung_up.register(sys.stdin.fileno(), 0)  # a hang-up is told in any case
    hung_up.poll()
    shutil.rmtree(scratch, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


def isolate(destination: Destination, scratch: Path) -> None:
    """Let the SDK see only how to reach the server, and write nowhere but below `scratch`."""
    for name in list(os.environ):
        if name.startswith("WANDB_") and name not in _KEPT:
            del os.environ[name]
    if destination.api_key:
        os.environ["WANDB_API_KEY"] = destination.api_key
    os.environ["WANDB_SILENT"] = "true"
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"):
        os.environ[name] = str(scratch)
