"""All checks, in the order in which they are shown: this machine, containers, the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kit.doctor import (
    engine,
    gpu,
    images,
    leftover_containers,
    leftovers,
    machine,
    project,
    shutting_in,
    software,
)
from kit.doctor.finding import Finding
from kit.errors import NotAvailable

LOCAL: list[Callable[[], Finding]] = [
    software.python,
    software.packages,
    machine.processors,
    machine.memory,
    machine.disk,
    machine.shared_memory,
    machine.clock_source,
    machine.governor,
    machine.load,
]
ISOLATION: list[Callable[[], Finding]] = [shutting_in.bubblewrap, shutting_in.user_namespaces]
PROJECT: list[Callable[[], Finding]] = [
    project.signing_key,
    project.data,
    leftovers.trainers,
    leftovers.folders,
]


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; some take a second."""
    yield from (check() for check in LOCAL)
    gpus = gpu.look()
    yield from gpu.examine(gpus)
    yield from (check() for check in ISOLATION)
    try:
        found = engine.look()
    except NotAvailable as problem:
        yield engine.absent(problem)
        yield engine.compose()
        yield from (check() for check in PROJECT)
        yield leftover_containers.keys(())
        return
    has_gpus = gpus is not None and bool(gpus.devices)
    yield engine.present(found)
    yield engine.limits(found)
    yield images.disk(found, has_gpus)
    yield engine.compose(oldest_api=found.oldest_api)
    yield from images.runtime(found, has_gpus)
    yield from images.examine(found, has_gpus)
    yield from (check() for check in PROJECT)
    yield leftover_containers.containers(found)
    yield leftover_containers.keys(found.containers)
