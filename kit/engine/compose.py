"""Compose, 2.x as `docker compose` or 1.29 as `docker-compose`, for one project."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kit import paths
from kit.engine.client import address, connect
from kit.errors import NotAvailable, TrialError

OVERRIDE = "STOPWATCH_COMPOSE"
_CANDIDATES = (("docker", "compose"), ("docker-compose",))
_SUMMARY = "Encountered errors while"  # compose 1.29 ends with it, and says which ones before
_CAUSES = {  # what the engine says -> what it means, and the fix
    "no space left on device": "the engine's disk is full. Free some space (docker system df)",
    "could not select device driver": "the engine has no GPU runtime. Install the NVIDIA container"
    " toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker",
    "permission denied": "the engine may not use a folder or its socket. Check owner and mode",
    "no such image": "the image is gone. Build it again: kit image build",
}


@functools.cache
def compose_command() -> tuple[str, ...]:
    """Return the command that works here; `STOPWATCH_COMPOSE` names another.

    Raises:
        NotAvailable: there is none.
    """
    override = os.environ.get(OVERRIDE, "").strip()
    for candidate in [tuple(override.split())] if override else _CANDIDATES:
        if shutil.which(candidate[0]) and _run([*candidate, "version"], os.environ)[0] == 0:
            return candidate
    reason = (
        f"{OVERRIDE}={override} does not work"
        if override
        else "neither `docker compose` nor docker-compose works"
    )
    raise NotAvailable(
        f"Compose was not found: {reason}. Install it (on Debian: sudo apt-get install "
        "docker-compose; elsewhere the package docker-compose-plugin)."
    )


def problem() -> str | None:
    """Return why trials cannot run in containers here, or None."""
    try:
        compose_command()
        connect().close()
    except NotAvailable as error:
        return str(error)
    return None


def version() -> str:
    """Return the version of compose, as it says itself."""
    return _run([*compose_command(), "version", "--short"], os.environ)[1].strip()


class Compose:
    """The services of `docker-compose.yml` in one profile, under a project name of their own."""

    def __init__(
        self,
        project: str,
        *,
        profile: str,
        variables: Mapping[str, str],
        file: Path,
    ) -> None:
        self.project = project
        # What is not described here has no place in a trial: only the variables of the file.
        self._environment = {**_plain_environment(), **variables}
        # Whatever file is used, its relative paths are those of the committed one.
        place = ["--project-directory", str(paths.PROJECT)]
        self._command = [*compose_command(), "-p", project, *place, "-f", str(file)]
        self._command += ["--profile", profile]

    def up(self) -> None:
        """Create and start the containers.

        Raises:
            TrialError: the engine refuses; the message says what to do.
        """
        status, output = self._run("up", "--detach", "--no-build", "--force-recreate")
        if status != 0:
            raise TrialError(explained(output))

    def down(self) -> None:
        """Stop and remove containers and volumes; nothing of the trial is left.

        Raises:
            TrialError: something stays.
        """
        status, output = self._run("down", "--volumes", "--remove-orphans")
        if status != 0:
            raise TrialError(
                f"Containers of {self.project} could not be removed: {_last(output)}. Remove them: "
                f"docker ps --all --filter label=com.docker.compose.project={self.project}"
            )

    def _run(self, *arguments: str) -> tuple[int, str]:
        return _run([*self._command, *arguments], self._environment)


def explained(output: str) -> str:
    """Return what the output of `up` that failed means for the user."""
    for said, meaning in _CAUSES.items():
        if said in output.lower():
            return f"The containers did not start: {meaning}. Compose said: {_last(output)}."
    return f"The containers did not start. Compose said: {_last(output)}."


def _plain_environment() -> dict[str, str]:
    """Return what the command itself needs: a stray WORKLOAD or SEED must not reach the referee."""
    wanted = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_CONFIG", "TMPDIR")
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    return {**kept, "DOCKER_HOST": address(), "LANG": "C.UTF-8"}


def _run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=paths.PROJECT,  # where compose 1.29 looks for a system-call filter
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,  # the terminal's Ctrl-C is for the kit alone
    )
    return done.returncode, done.stdout


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(_SUMMARY)] or lines
    return (lines[-1] if lines else "nothing").rstrip(".")[:400]
