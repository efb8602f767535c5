"""The first process of a trainer's container: `python -m kit.trainer.contained`.

It waits for the referee, tells what it sees around it, starts the trainer with its output going
there, and reports how it ended: the referee is in another container, so it is no parent that could
see. What is said after the submission started is believed as little as anything from here.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kit import paths
from kit.exchange import directory
from kit.trainer import seccomp
from kit.trainer.environment import environment
from kit.trainer.surroundings import surroundings

EXCHANGE = Path("/exchange")
EXTRAS = Path("/stopwatch-extras")  # packages of the submission, in an image of its own
SCRATCH = Path("/tmp")
WAIT_SECONDS = 300.0
_POLL_SECONDS = 0.02


def main() -> None:
    """Run one trainer and end as it ended."""
    seccomp.install()  # on top of the engine's filter, and before anything of a submission is read
    output, status = _connect(), _connect()
    status.sendall(json.dumps(surroundings()).encode() + b"\n")
    command = [sys.executable, "-P", "-s", "-m", "kit.trainer"]
    command += [str(EXCHANGE), str(EXCHANGE / directory.SUBMISSION)]
    command += [str(EXTRAS)] if EXTRAS.exists() else []
    trainer = subprocess.Popen(
        command,
        env=environment(str(SCRATCH), paths.data_root()),
        cwd=SCRATCH,
        stdin=subprocess.DEVNULL,
        stdout=output.fileno(),
        stderr=output.fileno(),
    )
    output.close()
    code = trainer.wait()
    ending = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    status.sendall(ending.encode() + b"\n")
    sys.exit(128 - code if code < 0 else code)


def _connect() -> socket.socket:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(EXCHANGE / directory.OUTPUT))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if time.monotonic() > deadline:
                sys.exit(f"No referee appeared in {EXCHANGE} within {WAIT_SECONDS:.0f} s.")
            time.sleep(_POLL_SECONDS)
        else:
            return connection


if __name__ == "__main__":
    main()
