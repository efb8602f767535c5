"""What a trainer's container looks like from inside, reported to the referee before any submission.

At this time nothing but the kit's own code runs there, so the report can be believed. The referee
makes the same report about its own container, to compare the two. Source: proc(5), namespaces(7),
cgroups(7).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_PROCESSES = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
_NO_LIMIT_BYTES = 1 << 60  # cgroup v1 says so with a number close to the largest
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


@dataclass(frozen=True)
class Mount:
    """One line of `/proc/self/mountinfo`, and what is there."""

    mode: str  # "ro", "rw"
    type: str  # of file system
    device: str  # "254:0"
    root: str  # the path within that file system
    options: str  # of the file system: "rw,size=4k,mode=755"
    directory: bool = False
    permissions: str = ""  # "0755"
    owner: str = ""  # "0:0"


def surroundings() -> dict[str, Any]:
    """Return names, namespaces, devices, mounts by path, and limits, None where there is none."""
    return {
        "hostname": socket.gethostname(),
        "namespaces": {name: os.stat(f"/proc/self/ns/{name}").st_ino for name in _NAMESPACES},
        "networks": sorted(name for _, name in socket.if_nameindex()),
        "devices": sorted(os.listdir("/dev")),
        "mounts": _mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8")),
        "memory_limit_bytes": _limit(_MEMORY),
        "process_limit": _limit(_PROCESSES),
    }


def _mounts(text: str) -> dict[str, dict[str, Any]]:
    """Return what is mounted where; of several at one place the last, which hides the others."""
    found = {}
    for line in text.splitlines():
        _, _, device, root, path, options, *rest = line.split()
        kind, _, system_options = rest[rest.index("-") + 1 :]
        mount = Mount(options.split(",")[0], kind, device, root, system_options)
        with contextlib.suppress(OSError):  # behind a folder that is closed to this user
            status = os.stat(path)
            mount = replace(
                mount,
                directory=stat.S_ISDIR(status.st_mode),
                permissions=f"{stat.S_IMODE(status.st_mode):04o}",
                owner=f"{status.st_uid}:{status.st_gid}",
            )
        found[path] = asdict(mount)
    return found


def _limit(files: tuple[str, ...]) -> int | None:
    for file in files:
        try:
            said = Path(file).read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(said) if said.isdecimal() and int(said) < _NO_LIMIT_BYTES else None
    return None
