"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kit.doctor import machine, project, shutting_in, software
from kit.doctor.finding import Finding

CHECKS: list[Callable[[], Finding]] = [
    software.python,
    software.packages,
    machine.processors,
    machine.memory,
    machine.disk,
    machine.shared_memory,
    machine.clock_source,
    machine.governor,
    machine.load,
    machine.gpus,
    shutting_in.bubblewrap,
    shutting_in.user_namespaces,
    project.signing_key,
    project.data,
    project.leftover_trainers,
    project.leftover_folders,
]


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other; some take a second."""
    return (check() for check in CHECKS)
