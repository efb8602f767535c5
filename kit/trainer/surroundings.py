"""What a trainer's container looks like from inside, told to the referee before any submission.

At this time nothing but the kit's own code runs there, so what it says can be believed. Source:
proc(5), cgroups(7).
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_PROCESSES = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 says so with a number close to the largest


def surroundings() -> dict[str, Any]:
    """Return networks, mounts as path -> "ro" or "rw", and the limits, None where there is none."""
    return {
        "networks": sorted(name for _, name in socket.if_nameindex()),
        "mounts": _mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8")),
        "memory_limit_bytes": _limit(_MEMORY),
        "process_limit": _limit(_PROCESSES),
    }


def _mounts(text: str) -> dict[str, str]:
    """Return what is mounted where; of several at one place the last, which hides the others."""
    fields = (line.split() for line in text.splitlines())
    return {parts[4]: parts[5].split(",")[0] for parts in fields}


def _limit(files: tuple[str, ...]) -> int | None:
    for file in files:
        try:
            said = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(said) if said.isdecimal() and int(said) < _NO_LIMIT_BYTES else None
    return None
