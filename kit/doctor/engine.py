"""The container engine and Compose: what they are, and whether they can shut a trainer in."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.doctor.finding import Finding, ok, warning, what_and_fix
from kit.engine.client import DEFAULT_ADDRESS, address, connect, explained
from kit.engine.compose import compose_command, version
from kit.engine.image import ImageFacts, facts_of, tag
from kit.errors import NotAvailable

PROJECT_LABEL = "com.docker.compose.project"
TARGETS = ("cpu", "gpu")
TIMEOUT_SECONDS = 3
_COMPOSE_1_API = (1, 38)  # what docker-compose 1.29 speaks; Docker 29 refuses all below 1.44
_OLDEST_COMPOSE = (1, 29)
_LIMITS = {  # field of the engine's answer -> what it can limit
    "MemoryLimit": "memory",
    "SwapLimit": "swap",
    "PidsLimit": "the number of processes",
}


@dataclass(frozen=True)
class Engine:
    """What an engine says about itself, and what of ours is in it."""

    host: Mapping[str, Any]  # as `docker info` shows it
    oldest_api: tuple[int, ...] = (0,)
    images: Mapping[str, ImageFacts] = field(default_factory=dict)
    containers: Sequence[Mapping[str, Any]] = ()  # that compose made, as `docker ps` lists them
    volumes: Sequence[Mapping[str, Any]] = ()

    @property
    def is_rootless(self) -> bool:
        """Tell whether an ordinary user runs the engine."""
        return "name=rootless" in (self.host.get("SecurityOptions") or ())


def look(timeout_seconds: int = TIMEOUT_SECONDS) -> Engine:
    """Ask the engine.

    Raises:
        NotAvailable: none answers in time.
    """
    with contextlib.closing(connect(timeout_seconds)) as client:
        import docker

        try:
            images = {}
            for target in TARGETS:
                with contextlib.suppress(docker.errors.ImageNotFound):
                    images[target] = facts_of(client.images.get(tag(target)).attrs)
            ours = {"label": PROJECT_LABEL}
            # Volumes first: one whose containers are being made now is then seen with them.
            volumes = client.api.volumes(filters=ours)["Volumes"] or []
            return Engine(
                client.info(),
                _numbers(client.version().get("MinAPIVersion", "0")),
                images,
                client.api.containers(all=True, filters=ours),
                volumes,
            )
        except (docker.errors.DockerException, OSError) as problem:
            raise explained(problem, address()) from None


def absent(problem: NotAvailable) -> Finding:
    """Say that there is no engine: no error, because trials run without one too."""
    what, fix = what_and_fix(problem)
    return warning("Engine", f"{what}; trials in containers (--engine docker) cannot run", fix)


def present(engine: Engine) -> Finding:
    """Name the engine, and judge where it is and how it stores."""
    subject, host = "Engine", engine.host
    where = "" if address() == DEFAULT_ADDRESS else f" at {address()}"
    text = (
        f"Docker {host.get('ServerVersion')}{where}; storage {host.get('Driver')}, "
        f"cgroup v{host.get('CgroupVersion') or 1}, "
        + ("rootless" if engine.is_rootless else "run by root")
    )
    if not address().startswith("unix://"):
        return warning(
            subject,
            f"{text}; it is not on this machine, so it cannot mount data and results from here",
            "unset DOCKER_HOST, and start an engine here",
        )
    if any("without encryption" in line for line in host.get("Warnings") or ()):
        return warning(
            subject,
            f"{text}; it also listens on the network, where whoever reaches it is root here",
            "remove the tcp:// address from the engine's settings",
        )
    if host.get("Driver") == "vfs":
        return warning(
            subject,
            f"{text}; this storage copies the image for each container",
            "set the engine's storage driver to overlay2",
        )
    return ok(subject, text)


def limits(engine: Engine) -> Finding:
    """Check that the engine can limit what a trainer takes."""
    subject = "Limits"
    missing = [what for name, what in _LIMITS.items() if not engine.host.get(name)]
    if not missing:
        return ok(subject, "memory, swap and the number of processes can be limited")
    if engine.is_rootless:
        fix = "set Delegate=cpu cpuset io memory pids for user@.service (this needs cgroup v2)"
    elif missing == [_LIMITS["PidsLimit"]]:
        fix = "use a kernel with CONFIG_CGROUP_PIDS"
    else:
        fix = "boot with cgroup_enable=memory swapaccount=1"
    return warning(
        subject,
        f"the engine cannot limit {', '.join(missing)}: a trainer can take from the referee",
        fix,
    )


def compose(
    command: Callable[[], Sequence[str]] = compose_command,
    version: Callable[[], str] = version,
    oldest_api: tuple[int, ...] = (0,),
) -> Finding:
    """Find Compose, and judge its age; `oldest_api` is the oldest that the engine speaks."""
    subject = "Compose"
    try:
        name, said = " ".join(command()), version()
    except NotAvailable as problem:
        return warning(subject, *what_and_fix(problem))
    text = f"{name} {said}"
    fix = "install Compose 2: the package docker-compose-plugin"
    if _numbers(said) < _OLDEST_COMPOSE:
        return warning(subject, f"{text} is too old: 1.29 or 2.x is needed", fix)
    speaks = _numbers(os.environ.get("COMPOSE_API_VERSION") or "") or _COMPOSE_1_API
    if _numbers(said) < (2,) and speaks < oldest_api:
        asked = ".".join(map(str, oldest_api))
        return warning(subject, f"{text} is too old for this engine, which wants API {asked}", fix)
    return ok(subject, text)


def _numbers(version: str) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
