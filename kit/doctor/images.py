"""Images: there, from this checkout, with room for them, and with GPUs where they need them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psutil

from kit.doctor.engine import TARGETS, Engine
from kit.doctor.finding import Finding, ok, warning
from kit.engine.client import address
from kit.engine.image import ImageFacts, mismatches, tag

GB = 1e9
# Twice an image, because its packages are unpacked in a stage of their own, and its base. Measured
# for cpu (1.6 GB); for gpu it is an estimate from the size of its locked wheels.
BUILD_BYTES = {"cpu": 4 * GB, "gpu": 16 * GB}
_TRIAL_BYTES = 1 * GB  # containers of a trial keep their logs there, and a submission's packages


def _wanted(engine: Engine, has_gpus: bool) -> list[str]:
    """Return the targets to look for: gpu only where it can be used, or is there."""
    return [t for t in TARGETS if t == "cpu" or has_gpus or t in engine.images]


def disk(
    engine: Engine, has_gpus: bool, usage: Callable[[str], Any] = psutil.disk_usage
) -> Finding:
    """Check the space where the engine keeps images."""
    subject = "Engine disk"
    root = str(engine.host.get("DockerRootDir") or "")
    if not address().startswith("unix://") or not root:
        return ok(subject, "not on this machine, so its free space is not known here")
    try:
        free = usage(root).free
    except OSError as problem:
        reason = os.strerror(problem.errno).lower() if problem.errno else str(problem)
        return ok(subject, f"free space in {root} is not known here: {reason}")
    missing = [target for target in _wanted(engine, has_gpus) if target not in engine.images]
    needed = _TRIAL_BYTES + sum(BUILD_BYTES[target] for target in missing)
    text = f"{free / GB:.0f} GB free in {root}"
    if free >= needed:
        return ok(subject, text)
    purpose = f"to build {' and '.join(map(tag, missing))}" if missing else "to run trials"
    return warning(
        subject,
        f"{text}; {needed / GB:.0f} GB are needed {purpose}",
        "docker image prune (removes images without a name), or free that disk otherwise",
    )


def runtime(engine: Engine, has_gpus: bool) -> Iterator[Finding]:
    """Check that containers can be given the GPUs; says nothing where there is none."""
    subject = "GPU runtime"
    if "nvidia" in (engine.host.get("Runtimes") or {}):
        yield ok(subject, "nvidia: containers can be given a GPU")
        return
    if not has_gpus:
        return
    devices = engine.host.get("DiscoveredDevices") or ()
    by_cdi = any("nvidia.com/gpu" in str(device.get("ID")) for device in devices)
    known = ": the engine knows them by CDI alone, and the kit asks for the runtime"
    yield warning(
        subject,
        f"none: trials in containers cannot use the GPUs{known if by_cdi else ''}",
        "install the NVIDIA container toolkit, then: sudo nvidia-ctk runtime configure"
        " --runtime=docker && sudo systemctl restart docker",
    )


def examine(
    engine: Engine,
    has_gpus: bool,
    compare: Callable[[ImageFacts], Sequence[str]] = mismatches,
) -> Iterator[Finding]:
    """Compare each image with this checkout."""
    for target in _wanted(engine, has_gpus):
        subject = "Image" if target == "cpu" else f"Image {target}"
        build = "make image" if target == "cpu" else f"make image TARGET={target}"
        facts = engine.images.get(target)
        if facts is None:
            yield warning(subject, f"{tag(target)} is not built; containers need it", build)
            continue
        text = f"{tag(target)}, {facts.size_bytes / GB:.1f} GB"
        wrong = compare(facts)
        if wrong:
            yield warning(subject, f"{text}: {'; '.join(wrong)}", build)
        else:
            yield ok(subject, f"{text}, built from this checkout")
