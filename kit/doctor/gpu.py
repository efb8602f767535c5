"""GPUs: a driver that is new enough for the locked CUDA, and nothing that disturbs a trial."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import paths
from kit.doctor.finding import Finding, ok, warning

# CUDA's major version -> the oldest Linux driver that runs all its minor versions. Source: NVIDIA,
# CUDA Toolkit Release Notes, table "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor
# Version Compatibility".
OLDEST_DRIVERS = {12: "525.60.13"}
_RUNTIME = re.compile(r"^nvidia-cuda-runtime(?:-cu\d+)?==(\d+)\.(\d+)", re.MULTILINE)
_SUBJECT = "GPU"


@dataclass(frozen=True)
class Gpu:
    """One GPU; None and empty where the driver does not say."""

    index: int
    name: str
    persistent: bool | None = None
    shared: bool | None = None  # may several processes use it?
    partitioned: bool | None = None  # Multi-Instance GPU
    processes: Sequence[int] = ()


@dataclass(frozen=True)
class Gpus:
    """The driver and its GPUs; the version is empty if library and kernel module do not fit."""

    driver: str
    devices: Sequence[Gpu]


def look() -> Gpus | None:
    """Ask the driver, once; None without one."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as problem:
        halves_differ = problem.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
        return Gpus("", ()) if halves_differ else None
    try:
        devices = [_look_at(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
        return Gpus(str(pynvml.nvmlSystemGetDriverVersion()), devices)
    finally:
        pynvml.nvmlShutdown()


def _look_at(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)

    def ask(question: Callable[[Any], Any]) -> Any:
        try:
            return question(handle)
        except nvml.NVMLError:  # not every GPU has every feature
            return None

    mode = ask(nvml.nvmlDeviceGetComputeMode)
    partitions = ask(nvml.nvmlDeviceGetMigMode)
    persistence = ask(nvml.nvmlDeviceGetPersistenceMode)
    running = [
        process.pid
        for question in (
            nvml.nvmlDeviceGetComputeRunningProcesses,
            nvml.nvmlDeviceGetGraphicsRunningProcesses,
        )
        for process in ask(question) or ()
    ]
    return Gpu(
        index,
        str(nvml.nvmlDeviceGetName(handle)),
        None if persistence is None else persistence == nvml.NVML_FEATURE_ENABLED,
        None if mode is None else mode == nvml.NVML_COMPUTEMODE_DEFAULT,
        None if partitions is None else partitions[0] == nvml.NVML_DEVICE_MIG_ENABLE,
        sorted(set(running)),
    )


def examine(gpus: Gpus | None, requirements: Path = paths.REQUIREMENTS) -> Iterator[Finding]:
    """Judge the driver and, if there are GPUs, how they are set and who uses them."""
    if gpus is None:
        yield ok(_SUBJECT, "none (or no NVIDIA driver): trials run on the CPU")
        return
    yield driver(gpus, requirements)
    if gpus.devices:
        yield settings(gpus.devices)
        yield use(gpus.devices)


def cuda_version(requirements: Path = paths.REQUIREMENTS) -> tuple[int, int] | None:
    """Return major and minor version of the locked CUDA; None where the lock does not say."""
    try:
        found = _RUNTIME.search((requirements / "gpu.lock").read_text(encoding="utf-8"))
    except OSError:
        return None
    return (int(found[1]), int(found[2])) if found else None


def driver(gpus: Gpus, requirements: Path = paths.REQUIREMENTS) -> Finding:
    """Compare the driver with what the locked CUDA needs."""
    if not gpus.driver:
        return warning(
            _SUBJECT,
            "the NVIDIA driver's library is of another version than its kernel module, so no GPU"
            " can be used",
            "restart this machine",
        )
    names = Counter(device.name for device in gpus.devices)
    listed = ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items()) or "none"
    text = f"{listed}; driver {gpus.driver}"
    cuda = cuda_version(requirements)
    if cuda is None or cuda[0] not in OLDEST_DRIVERS:
        which = "no CUDA" if cuda is None else f"CUDA {cuda[0]}, whose driver is not known here"
        return warning(_SUBJECT, f"{text}; gpu.lock names {which}", "git checkout requirements kit")
    oldest = OLDEST_DRIVERS[cuda[0]]
    needs = f"CUDA {cuda[0]}.{cuda[1]} of gpu.lock needs {oldest} or newer"
    if _numbers(gpus.driver) < _numbers(oldest):
        return warning(
            _SUBJECT,
            f"{text} is too old: {needs}; trials run on the CPU",
            "install a newer NVIDIA driver",
        )
    return ok(_SUBJECT, f"{text} ({needs})")


def settings(devices: Sequence[Gpu]) -> Finding:
    """Look for settings that split, reserve or put to sleep a GPU."""
    subject = "GPU settings"
    found, fixes = [], []
    for device in devices:
        command = f"sudo nvidia-smi --id={device.index}"
        if device.shared is False:
            found.append(
                f"GPU {device.index} takes one process or none (compute mode), and a trial has two"
            )
            fixes.append(f"{command} --compute-mode=DEFAULT")
        if device.partitioned:
            found.append(f"GPU {device.index} is split (MIG): a trial gets a part of it")
            fixes.append(f"{command} --multi-instance-gpu=0")
        if device.persistent is False:
            found.append(f"GPU {device.index} sleeps when unused (persistence mode is off)")
            fixes.append(f"{command} --persistence-mode=1")
    if found:
        return warning(subject, "; ".join(found), " && ".join(fixes))
    return ok(subject, "none splits, reserves or puts to sleep a GPU")


def use(devices: Sequence[Gpu]) -> Finding:
    """Look for other programs on the GPUs."""
    subject = "GPU load"
    busy = [
        f"GPU {device.index}: {', '.join(map(str, device.processes))}"
        for device in devices
        if device.processes
    ]
    if not busy:
        return ok(subject, "no other program uses a GPU")
    return warning(
        subject,
        f"other programs use it (process ids: {'; '.join(busy)}): times become unreliable",
        "wait, or stop them",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
