"""The connection to the container engine, and what to do when there is none."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kit.errors import NotAvailable

if TYPE_CHECKING:
    import docker

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
OLDEST_API = (1, 41)  # Docker 20.10, Debian 12's package; older ones were never tried
TIMEOUT_SECONDS = 60


def address() -> str:
    """Return where the engine is looked for: `DOCKER_HOST`, or the usual socket."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS


def connect(timeout_seconds: int = TIMEOUT_SECONDS) -> docker.DockerClient:
    """Return a client of an engine that answers; the caller closes it (`contextlib.closing`).

    Raises:
        NotAvailable: no engine answers, it refuses this user, or it is too old.
    """
    try:
        import docker
    except ImportError:
        raise NotAvailable(
            "The Python package 'docker' is not installed, so no container engine can be asked. "
            "Install what the kit needs: make setup."
        ) from None
    try:
        _knock(timeout_seconds)
        # A named version is not asked for: the unversioned question below works on any engine.
        probe = docker.from_env(version="1.41", timeout=timeout_seconds)
        with contextlib.closing(probe):
            answer = probe.api.version(api_version=False)
    except (docker.errors.DockerException, OSError) as error:
        raise explained(error, address()) from None
    version = str(answer.get("ApiVersion", "0.0"))
    if tuple(int(part) for part in version.split(".")) < OLDEST_API:
        raise NotAvailable(
            f"The container engine at {address()} is too old: Docker {answer.get('Version')} with "
            f"API {version}; the kit needs Docker 20.10 (API 1.41) or newer. Upgrade it."
        )
    return docker.from_env(timeout=timeout_seconds)


def _knock(timeout_seconds: int) -> None:
    """Open and close the engine's Unix socket: the SDK leaves a socket open when that fails."""
    if address().startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(timeout_seconds)
            door.connect(address().removeprefix("unix://"))


def explained(error: BaseException, address: str) -> NotAvailable:
    """Return what to tell a user about an engine that did not answer."""
    chain = list(_chain(error))
    if any(isinstance(link, PermissionError) for link in chain):
        return NotAvailable(
            f"You may not use the container engine at {address}: permission denied. Join the group "
            "that owns its socket (sudo usermod -aG docker $USER, then log in again), or use sudo."
        )
    if any(isinstance(link, FileNotFoundError) for link in chain):
        reason = "there is no such socket"
    elif any(isinstance(link, ConnectionRefusedError) for link in chain):
        reason = "the connection was refused"
    elif any(isinstance(link, TimeoutError) or "Timeout" in type(link).__name__ for link in chain):
        reason = "it gave no answer in time"
    else:
        reason = " ".join(str(error).split())
    return NotAvailable(
        f"No container engine answers at {address}: {reason}. Start it (on Debian: sudo apt-get "
        "install docker.io), or say where it is with the environment variable DOCKER_HOST."
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that it wraps: urllib3 hides the cause among its arguments."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        inner = [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
        waiting += [i for i in inner if isinstance(i, BaseException)]
