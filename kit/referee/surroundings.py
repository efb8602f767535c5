"""Whether a trainer's container sees only what `docker-compose.yml` gives it.

It is the container's own account, given before any submission code is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kit.errors import TrialError
from kit.referee.walls import refuse

MAX_REPORT_BYTES = 1 << 16
_NETWORKS = ["lo"]
_MOST_PROCESSES = 4096
_WRITABLE = {"/tmp", "/exchange", "/dev/shm", "/stopwatch/rules"}
_READ_ONLY = {"/", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
_SYSTEM = re.compile(r"/(proc|dev|sys)(/|$)")
# What NVIDIA's runtime adds: its driver's libraries, programs and sockets.
_OF_THE_DRIVER = re.compile(r"nvidia|cuda|libnv|vdpau", re.IGNORECASE)


def surroundings_facts(
    report: bytes, *, training_data: Path, memory_limit_bytes: int
) -> Mapping[str, Any]:
    """Return what a trainer's container says of itself, checked.

    Args:
        report: one JSON object, as `kit.trainer.surroundings` makes it.
        training_data: the only folder of data that it may see.
        memory_limit_bytes: what the referee was told that the limit is.

    Raises:
        TrialError: it sees or may take more than it should, or says nothing that can be read.
    """
    try:
        facts = json.loads(report)
        problems = dict.fromkeys(_problems(facts, str(training_data), memory_limit_bytes), True)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise TrialError(
            "The trainer's container did not say what it can see: its image is not the referee's. "
            "Build both again: make image."
        ) from None
    refuse(problems)
    return {name: facts[name] for name in ("networks", "memory_limit_bytes", "process_limit")}


def _problems(facts: Mapping[str, Any], data: str, memory_limit_bytes: int) -> Iterator[str]:
    if facts["networks"] != _NETWORKS:
        yield f"the trainer has a network ({', '.join(facts['networks'])})"
    memory, processes = facts["memory_limit_bytes"], facts["process_limit"]
    if memory is None or memory > memory_limit_bytes:
        yield "the trainer's memory is not limited to what the referee was told"
    if processes is None or processes > _MOST_PROCESSES:
        yield f"the number of the trainer's processes is not limited to {_MOST_PROCESSES} or less"
    for path, mode in sorted(facts["mounts"].items()):
        if path in _WRITABLE or _SYSTEM.match(path):
            continue
        if mode == "rw":
            yield f"the trainer can write to {path}"
        elif path not in _READ_ONLY | {data} and not _OF_THE_DRIVER.search(path):
            yield f"the trainer can see {path}"
