"""Tries everything that a sandbox must prevent and reports what worked as a failure's message."""

import json
import os
import signal
import socket
from pathlib import Path

from honest import Honest

SECRETS = []  # paths that the test puts in
REFEREE = 0  # the referee's pid outside
PORT = 0  # of a server outside


def reads(path):
    return bool(Path(path).read_bytes()) if Path(path).is_file() else bool(os.listdir(path))


def connects(address):
    with socket.create_connection(address, timeout=1):
        return True


def sees_the_referee():
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return any(b"pytest" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids)


def writes(path):
    Path(path).write_text("tuned")
    return True


PROBES = {
    **{f"read {path}": (reads, path) for path in SECRETS},
    "connect to loopback": (connects, ("127.0.0.1", PORT)),
    "connect outside": (connects, ("192.0.2.1", 80)),
    "see the referee": (lambda _: sees_the_referee(), None),
    "signal the referee": (lambda pid: os.kill(pid, signal.SIGCONT) is None, REFEREE),
    "write into the kit": (writes, Path(__import__("kit").__file__).parent / "smuggled.txt"),
    "write into /usr": (writes, "/usr/smuggled.txt"),
    "write into /etc": (writes, "/etc/smuggled.txt"),
    "write into the submission": (writes, Path(__file__).parent / "smuggled.txt"),
    "find the manifest": (reads, Path(__file__).parent / "submission.yaml"),
    "find rules": (reads, Path(__import__("kit").__file__).parent.parent / "rules"),
    "find submissions": (reads, Path(__import__("kit").__file__).parent.parent / "submissions"),
    "read inherited variables": (lambda _: "CANARY" in os.environ, None),
}


class Probe(Honest):
    def batches(self, queue, feedback):
        worked = []
        for name, (attempt, argument) in PROBES.items():
            try:
                if attempt(argument):
                    worked.append(name)
            except OSError:
                continue
        raise RuntimeError("WORKED " + json.dumps(worked))
