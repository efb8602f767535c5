"""Whether a trainer's container sees exactly what `docker-compose.yml` gives it.

It is the container's own report, made before any submission code is there. The engine's account of
both containers (`kit.engine.inspection`) comes first; this is a second witness, the kernel.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kit.errors import TrialError
from kit.referee import policy
from kit.referee.walls import refuse
from kit.trainer.surroundings import Mount

MAX_REPORT_BYTES = 1 << 17
_NETWORKS = ["lo"]
_EXCHANGE = "/exchange"
_OF_THE_ENGINE = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}

# The machine's own namespaces have fixed inodes. Source: include/linux/proc_ns.h.
_MACHINES = {"cgroup": 0xEFFFFFFB, "ipc": 0xEFFFFFFF, "pid": 0xEFFFFFFC, "uts": 0xEFFFFFFE}
_SEPARATE, _SHARED = ("ipc", "mnt", "net", "uts"), ("pid", "user")

# What Docker mounts in every container, and the file systems that it may be. Source: moby's
# oci/defaults.go. Masked is: over a file /dev/null, over a folder an empty tmpfs.
_WRITABLE = {
    "/proc": {"proc"},
    "/dev": {"tmpfs"},
    "/dev/pts": {"devpts"},
    "/dev/mqueue": {"mqueue"},
    "/sys/fs/cgroup": {"cgroup2", "tmpfs"},
}
_READ_ONLY = [
    (re.compile(r"/proc/(bus|fs|irq|sys|sysrq-trigger)"), {"proc"}),
    (re.compile(r"/sys"), {"sysfs"}),
    (re.compile(r"/sys/fs/cgroup/[\w,=]+"), {"cgroup", "cgroup2"}),  # version 1: one for each
]
_MASKED = re.compile(
    r"/proc/(acpi|asound|interrupts|kcore|keys|latency_stats|sched_debug|scsi|timer_list"
    r"|timer_stats)|/sys/(firmware|devices/virtual/powercap)"
    r"|/sys/devices/system/cpu/cpu\d+/thermal_throttle"
)
_DEVICES = {
    "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
    "stdout", "tty", "urandom", "zero",
}  # fmt: skip
# What NVIDIA's toolkit adds for `compute` and `utility`. Source: libnvidia-container's nvc_info.c
# and nvc_mount.c. Its folder /tmp/nvidia-mps is not among them: nothing here uses it.
_GPU_DEVICE = re.compile(r"nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset|-caps)")
_DRIVER = re.compile(
    r"/usr/lib(64|/x86_64-linux-gnu)/(libcuda|libcudadebugger|libnvidia-(allocator|cfg|compiler"
    r"|fatbinaryloader|gpucomp|ml|nscq|nvvm|opencl|pkcs11|pkcs11-openssl3|ptxjitcompiler"
    r"|tileiras))\.so\.\d+(\.\d+)*"
    r"|/usr/bin/(nvidia-(smi|debugdump|persistenced|cuda-mps-control|cuda-mps-server)"
    r"|nv-fabricmanager)"
    r"|(/usr)?/lib/firmware/nvidia/\d+(\.\d+)*/gsp\w*\.bin"
    r"|/dev/nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset|-caps/nvidia-cap\d+)"
    r"|(/var)?/run/nvidia-(persistenced|fabricmanager)/socket"
)
_DRIVER_FACTS = re.compile(r"/proc/driver/nvidia/(gpus/[\da-fA-F:.]+|capabilities/[\w/]+)")


def surroundings_facts(
    report: bytes,
    *,
    own: Mapping[str, Any],
    training_data: Path,
    memory_limit_bytes: int,
    hostname: str | None,
) -> Mapping[str, Any]:
    """Return what a trainer's container says of itself, checked.

    Args:
        report: one JSON object, as `kit.trainer.surroundings` makes it.
        own: the same about the referee's container.
        training_data: the only folder of data that it may see.
        memory_limit_bytes: what the referee was told that the limit is.
        hostname: of the container that was inspected; None if none was.

    Raises:
        TrialError: it sees or may take more than it should, or says nothing that can be read.
    """
    content = policy.rendered(os.environ)
    folders = policy.memory_folders(content, "trainer")
    try:
        facts = json.loads(report)
        problems = list(_problems(facts, own, memory_limit_bytes, content["services"]["trainer"]))
        if hostname not in (None, facts["hostname"]):
            problems.append(f"the trainer ({facts['hostname']}) is not the one that was inspected")
        referees = {path: Mount(**fields) for path, fields in own["mounts"].items()}
        for path, fields in sorted(facts["mounts"].items()):
            mount = Mount(**fields)
            if path in folders:
                problems += _differs(path, mount, folders[path])
            elif path in ("/", str(training_data)) and mount.mode == "ro":
                continue
            elif not _is_known(path, mount, referees.get(path)):
                does = "write to" if mount.mode == "rw" else "see"
                problems.append(f"the trainer can {does} {path}")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise TrialError(
            "The trainer's container did not say what it can see: its image is not the referee's. "
            "Build both again: make image."
        ) from None
    refuse(dict.fromkeys(problems, True))
    return {name: facts[name] for name in ("networks", "memory_limit_bytes", "process_limit")}


def _problems(
    facts: Mapping[str, Any],
    own: Mapping[str, Any],
    memory_limit_bytes: int,
    service: Mapping[str, Any],
) -> Iterator[str]:
    if facts["networks"] != _NETWORKS:
        yield f"the trainer has a network ({', '.join(facts['networks'])})"
    memory, processes = facts["memory_limit_bytes"], facts["process_limit"]
    most = service["pids_limit"]
    if memory is None or memory > memory_limit_bytes:
        yield "the trainer's memory is not limited to what the referee was told"
    if processes is None or processes > most:
        yield f"the number of the trainer's processes is not limited to {most} or less"
    spaces, referees = facts["namespaces"], own["namespaces"]
    # With version 1 of cgroups, containers are in the machine's namespace.
    version_2 = own["mounts"]["/sys/fs/cgroup"]["type"] == "cgroup2"
    for name in ("cgroup", *_SEPARATE) if version_2 else _SEPARATE:
        if spaces[name] in (referees[name], _MACHINES.get(name)):
            yield f"the trainer has no {name} namespace to itself"
    for name in _SHARED:
        if spaces[name] != referees[name] or spaces[name] == _MACHINES.get(name):
            yield f"the trainer's {name} namespace is not the referee's own"
    for device in sorted({*facts["devices"]} - _DEVICES):
        if not (_GPU_DEVICE.fullmatch(device) and device in own["devices"]):
            yield f"the trainer can see /dev/{device}"


def _differs(path: str, mount: Mount, wanted: policy.MemoryFolder) -> Iterator[str]:
    # Not the mode of the root: runc gives it that of the image's folder of the same name.
    found = policy.MemoryFolder.of(mount.options, mount.owner)
    if (mount.type, mount.root) != ("tmpfs", "/"):
        yield f"the trainer's {path} is {mount.type} instead of tmpfs"
    elif found != wanted:
        yield f"the trainer's {path} has {found} instead of {wanted}"
    elif path == _EXCHANGE and mount.permissions != wanted.permissions:
        yield f"the trainer's {path} has mode {mount.permissions} instead of {wanted.permissions}"


def _is_known(path: str, mount: Mount, referees: Mount | None) -> bool:
    """Tell whether a mount is what Docker or NVIDIA's toolkit arranges in every container."""
    kind, read_only = mount.type, mount.mode == "ro"
    if path in _WRITABLE:
        return kind in _WRITABLE[path]
    if _MASKED.fullmatch(path):
        return kind == "tmpfs" and (read_only or mount.root == "/null")
    if path.startswith("/dev/") and path[5:] in _DEVICES:  # a rootless engine cannot make nodes
        return kind == "devtmpfs" and mount.root == path[4:]
    if path in _OF_THE_ENGINE:
        return read_only and not mount.directory
    if any(name.fullmatch(path) and kind in kinds for name, kinds in _READ_ONLY):
        return read_only
    return referees is not None and _is_of_the_driver(path, mount, referees)


def _is_of_the_driver(path: str, mount: Mount, referees: Mount) -> bool:
    """Tell whether a mount is a file of the GPU's driver: the very file that the referee has."""
    if path == "/proc/driver/nvidia":
        return (mount.type, mount.root) == ("tmpfs", "/") and mount.permissions == "0555"
    if (mount.device, mount.root) != (referees.device, referees.root):
        return False
    if _DRIVER_FACTS.fullmatch(path):
        return mount.type == "proc" and mount.mode == "ro"
    closed = mount.mode == "ro" or path.endswith("/socket")
    return bool(_DRIVER.fullmatch(path)) and not mount.directory and closed
