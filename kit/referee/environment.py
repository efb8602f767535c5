"""Where a trial ran: versions, hardware, sources. Facts for `environment.json`."""

from __future__ import annotations

import hashlib
import hmac
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from kit import __version__, paths
from kit.records.record import GpuRecord, HostRecord


def describe(
    isolation: str,
    trainer_environment: Mapping[str, str],
    *,
    data_digests: Mapping[str, str],
    ignored_variables: Sequence[str],
    extra_requirements: Mapping[str, str],
    walls: Mapping[str, object],
) -> dict[str, Any]:
    """Return the description of this machine, installation and data."""
    return {
        "kit_version": __version__,
        "source": source_revision(),
        "lock_sha256": lock_digests(),
        "image_digest": os.environ.get("STOPWATCH_IMAGE_DIGEST"),
        "trainer_image_digest": os.environ.get("STOPWATCH_TRAINER_IMAGE_DIGEST"),
        "data_manifest_sha256": dict(data_digests),
        "ignored_variables": list(ignored_variables),
        "isolation": isolation,
        "walls": dict(walls),  # of containers, as the kernel shows them
        "trainer_environment": dict(sorted(trainer_environment.items())),
        "python": sys.version.split()[0],
        "packages": _packages(),
        "extra_requirements": dict(extra_requirements),  # of the submission, in the trainer alone
        "operating_system": platform.platform(),
        "cpu": cpu_model(),
        "cpu_cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpus(),
        "load_average": list(os.getloadavg()),
    }


def host() -> HostRecord:
    """Return the machine's passport."""
    return HostRecord(
        id=_host_id(),
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        gpus=[GpuRecord(**gpu) for gpu in gpus()],
        kernel=platform.release(),
        architecture=platform.machine(),
    )


def _host_id() -> str | None:
    """Return a name for this machine that is always the same and does not reveal its id.

    Source: machine-id(5), "cryptographic, keyed hash … with a fixed, application-specific key".
    """
    try:
        machine = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        return None
    return hmac.new(machine, b"stopwatch/host/1", "sha256").hexdigest()[:16] if machine else None


def ignore_framework_settings() -> list[str]:
    """Remove variables that change what the framework computes; return their names.

    The trainer inherits nothing anyway; this keeps them from the referee's evaluation. It must come
    before the framework is imported.
    """
    names = sorted(
        name
        for name in os.environ
        if name.startswith(("XLA_", "TF_")) and not name.startswith("TF_CPP_")
    )
    for name in names:
        del os.environ[name]
    return names


def source_revision(project: Path = paths.PROJECT) -> dict[str, Any]:
    """Return the git revision of the kit and whether files differ from it.

    An image holds no repository: there its build wrote both into variables. None where neither is.
    """
    revision = _git(project, "rev-parse", "HEAD")
    if revision is None:
        built_from = os.environ.get("STOPWATCH_SOURCE_REVISION", "unknown")
        dirty = {"true": True, "false": False}.get(os.environ.get("STOPWATCH_SOURCE_DIRTY", ""))
        return {"revision": None if built_from == "unknown" else built_from, "dirty": dirty}
    changes = _git(project, "status", "--porcelain")
    return {"revision": revision, "dirty": None if changes is None else bool(changes)}


def _git(project: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(project), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def lock_digests() -> dict[str, str]:
    """Return the sha256 of every lock file."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths.REQUIREMENTS.glob("*.lock"))
    }


def _packages() -> dict[str, str]:
    distributions = importlib.metadata.distributions()
    return dict(sorted((d.metadata["Name"].lower(), d.version) for d in distributions))


def machine() -> dict[str, object]:
    """Return processor, cores and GPUs as `environment.json` names them."""
    return {"cpu": cpu_model(), "cpu_cores": len(os.sched_getaffinity(0)), "gpus": gpus()}


def cpu_model() -> str:
    """Return the processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def gpus() -> list[dict[str, Any]]:
    """Return name, driver and memory of every NVIDIA GPU; empty without one."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    driver = str(pynvml.nvmlSystemGetDriverVersion())
    handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    return [
        {
            "name": str(pynvml.nvmlDeviceGetName(handle)),
            "driver": driver,
            "memory_bytes": int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        }
        for handle in handles
    ]
