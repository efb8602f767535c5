"""Build an image with the `docker` command, whose output is shown as it comes."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kit import paths
from kit.engine.client import address, connect
from kit.engine.image import labels, revision_of, tag
from kit.engine.sources import commit_seconds
from kit.errors import ImageNotBuilt, NotAvailable

NETWORK_VARIABLE = "STOPWATCH_BUILD_NETWORK"
_KEPT_LINES, _SHOWN_CHARACTERS = 40, 200
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable|"
    r"Connection refused|certificate verify failed"
)


def pinned_base(project: Path = paths.PROJECT) -> str:
    """Return the base image that the Dockerfile names, by digest."""
    text = (project / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", text, re.MULTILINE)
    if found is None:
        raise ImageNotBuilt("The Dockerfile names no base: it needs a line ARG BASE_IMAGE=….")
    return found[1]


def build(
    target: str = "cpu",
    base_image: str | None = None,
    *,
    project: Path = paths.PROJECT,
    name: str | None = None,
    no_cache: bool = False,
) -> str:
    """Build the image of `target`, name it `stopwatch:<target>`, and return its id.

    Args:
        target: one of `sources.TARGETS`.
        base_image: instead of the one that the Dockerfile pins.
        project: the checkout to build from.
        name: instead of `stopwatch:<target>`.
        no_cache: make every layer anew.

    Raises:
        NotAvailable: no engine, no `docker` command, or the base image cannot be had.
        ImageNotBuilt: the build failed; the message has its last lines.
    """
    base = base_image or pinned_base(project)
    described = labels(target, base, project)
    docker = _command()
    _have_base(docker, base)
    source = revision_of(project)
    arguments = {
        "BASE_IMAGE": base,
        "SOURCE_DATE_EPOCH": str(commit_seconds(project)),
        "REVISION": source["revision"],
        "DIRTY": source["dirty"],
    }
    command = [docker, "build", "--force-rm", "--target", target, "--tag", name or tag(target)]
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"]
    for key, value in described.items():
        command += ["--label", f"{key}={value}"]
    if network := os.environ.get(NETWORK_VARIABLE):
        command += ["--network", network]
    if no_cache:
        command.append("--no-cache")
    with tempfile.TemporaryDirectory(prefix="stopwatch-build-") as folder:
        id_file = Path(folder, "id")
        status, lines = _run([*command, "--iidfile", str(id_file), str(project)])
        if status != 0:
            raise explained(target, lines)
        return id_file.read_text(encoding="utf-8").strip()


def explained(target: str, lines: Sequence[str]) -> ImageNotBuilt:
    """Return what the last lines of a build that failed mean for the user."""
    text = "\n".join(lines)
    if "no space left on device" in text.lower():
        return ImageNotBuilt(
            f"The image {target!r} was not built: the engine's disk is full. Free some space there "
            "(docker system df shows what uses it; docker image prune removes unnamed images)."
        )
    if reason := _NO_NETWORK.search(text):
        return ImageNotBuilt(
            f"The image {target!r} was not built: packages could not be fetched: {reason[0]}. "
            f"Connect the engine to the network; if it has no bridge, set {NETWORK_VARIABLE}=host."
        )
    last = (
        " | ".join(line[:_SHOWN_CHARACTERS] for line in lines[-3:])
        or "the docker command said nothing"
    )
    return ImageNotBuilt(
        f"The image {target!r} was not built: {last}. The lines above say where it stopped."
    )


def _have_base(docker: str, base: str) -> None:
    """Pull the base where the engine lacks it: here its absence is told from other failures."""
    from docker.errors import ImageNotFound

    with contextlib.closing(connect()) as client, contextlib.suppress(ImageNotFound):
        client.images.get(base)
        return
    status, lines = _run([docker, "pull", base])
    if status != 0:
        reason = lines[-1] if lines else f"exit status {status}"
        raise NotAvailable(
            f"The base image {base} cannot be pulled: {reason.rstrip('.')}. Connect the engine to "
            "a registry that has it, or name another image with Python 3.11: BASE_IMAGE=…"
        )


def _command() -> str:
    found = shutil.which("docker")
    if found is None:
        raise NotAvailable(
            "The command 'docker' was not found; images are built with it. Install it (on Debian: "
            "sudo apt-get install docker.io)."
        )
    return found


def _run(command: Sequence[str]) -> tuple[int, list[str]]:
    """Run a command, pass its output on to stderr, and return its status and last lines."""
    # The engine that was asked about the base is the one that builds, whatever the CLI's context.
    environment = {**os.environ, "DOCKER_HOST": address()}
    kept: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
    with subprocess.Popen(
        command, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            sys.stderr.write(line)
            if plain := _COLOUR.sub("", line).strip():
                kept.append(plain)
    return process.returncode, list(kept)
