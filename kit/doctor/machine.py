"""Hardware and kernel: enough of it, quiet, and with a good clock."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from kit import paths
from kit.doctor.finding import Finding, error, ok, warning

GB = 1e9
_CLOCK = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_GOVERNORS = Path("/sys/devices/system/cpu")
_SHARED_MEMORY = Path("/dev/shm")
_GOOD_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen")


def processors() -> Finding:
    """Count the cores that this process may use."""
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        return warning(
            "Processors", "1 core: referee and trainer share it", "use a machine with two or more"
        )
    return ok("Processors", f"{cores} cores")


def memory(available_bytes: int | None = None) -> Finding:
    """Check the memory that is free now."""
    free = psutil.virtual_memory().available if available_bytes is None else available_bytes
    text = f"{free / GB:.1f} GB free"
    if free < 2 * GB:
        return error("Memory", f"{text}; a mini trial needs about 2 GB", "close other programs")
    if free < 4 * GB:
        return warning("Memory", f"{text}: little", "close other programs")
    return ok("Memory", text)


def disk() -> Finding:
    """Check the space left for data and results."""
    free = {}
    for name, folder in (("data", paths.data_root()), ("results", paths.results_root())):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free[name] = psutil.disk_usage(str(existing)).free
    text = ", ".join(f"{amount / GB:.0f} GB free for {name}" for name, amount in free.items())
    least = min(free.values())
    fix = "make room, or set STOPWATCH_DATA and STOPWATCH_RESULTS to folders on another disk"
    if least < 0.5 * GB:
        return error("Disk", text, fix)
    return warning("Disk", text, fix) if least < 5 * GB else ok("Disk", text)


def shared_memory(folder: Path = _SHARED_MEMORY) -> Finding:
    """Check the memory-backed storage of the exchange directory."""
    subject = "Exchange"
    if not os.access(folder, os.W_OK):
        return warning(
            subject,
            f"{folder} is not writable: weights are handed over on disk, and it takes time that"
            " counts",
            "mount a tmpfs there",
        )
    free = psutil.disk_usage(str(folder)).free
    text = f"{folder} has {free / GB:.1f} GB"
    if free < 0.25 * GB:
        return warning(
            subject, f"{text}; large models do not fit", f"mount -o remount,size=2G {folder}"
        )
    return ok(subject, text)


def clock_source(file: Path = _CLOCK) -> Finding:
    """Check that reading the clock is cheap and steady."""
    try:
        name = file.read_text(encoding="ascii").strip()
    except OSError:
        return ok("Clock", "the kernel does not say which clock it uses")
    if name in _GOOD_CLOCKS:
        return ok("Clock", name)
    return warning("Clock", f"{name} is slow or coarse", "boot with clocksource=tsc")


def governor(cpus: Path = _GOVERNORS) -> Finding:
    """Check whether the processors change their speed."""
    found = {
        file.read_text(encoding="ascii").strip()
        for file in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")
    }
    if not found:
        return ok("CPU speed", "not under this system's control (usual in a virtual machine)")
    text = f"governor {', '.join(sorted(found))}"
    if found == {"performance"}:
        return ok("CPU speed", text)
    return warning(
        "CPU speed",
        f"{text}: speed changes with temperature and load, so times vary",
        "cpupower frequency-set --governor performance",
    )


def load(average: float | None = None, cores: int | None = None) -> Finding:
    """Check that nothing else is running."""
    average = os.getloadavg()[0] if average is None else average
    cores = cores or len(os.sched_getaffinity(0))
    text = f"{average:.1f} processes running on {cores} cores (mean of the last minute)"
    if average > 0.5 * cores:
        return warning(
            "Load", f"{text}: a busy machine makes times unreliable", "wait, or stop other programs"
        )
    return ok("Load", text)
