"""What an image says about itself, and whether that is this checkout."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kit import __version__, paths
from kit.engine.client import connect
from kit.engine.sources import TARGETS, commit_seconds, lock_digest, lock_files, source_digest
from kit.errors import NotAvailable
from kit.referee.environment import source_revision

REPOSITORY = "stopwatch"
UNKNOWN = "unknown"
_OCI, _OWN = "org.opencontainers.image.", "org.stopwatch."
_TITLES = {
    "cpu": "trains and judges on the CPU",
    "gpu": "trains and judges on NVIDIA GPUs",
    "upload": "mirrors signed results to W&B",
    "test": "runs the kit's own tests",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """The labels of an image; None where it has none, because something else built it."""

    id: str
    size_bytes: int
    target: str | None
    version: str | None
    revision: str | None
    dirty: bool | None
    created: str | None
    base_image: str | None
    lock_sha256: str | None
    source_sha256: str | None


def tag(target: str) -> str:
    """Return the name under which the image of a target is built and looked for."""
    return f"{REPOSITORY}:{target}"


def labels(target: str, base_image: str, project: Path = paths.PROJECT) -> dict[str, str]:
    """Return the labels of an image that is built from `project` now."""
    source = revision_of(project)
    created = datetime.datetime.fromtimestamp(commit_seconds(project), datetime.UTC)
    return {
        f"{_OCI}title": f"Stopwatch {target}",
        f"{_OCI}description": f"Stopwatch, a referee for training algorithms: {_TITLES[target]}.",
        f"{_OCI}licenses": "Apache-2.0",
        f"{_OCI}version": __version__,
        f"{_OCI}revision": source["revision"],
        f"{_OCI}created": created.isoformat().replace("+00:00", "Z"),
        f"{_OCI}base.name": base_image,
        f"{_OWN}target": target,
        f"{_OWN}dirty": source["dirty"],
        f"{_OWN}lock.sha256": lock_digest(target, project),
        f"{_OWN}source.sha256": source_digest(target, project),
    }


def revision_of(project: Path = paths.PROJECT) -> dict[str, str]:
    """Return git's revision and whether files differ from it, as words; "unknown" without git."""
    found = source_revision(project)
    dirty = {True: "true", False: "false", None: UNKNOWN}[found["dirty"]]
    return {"revision": found["revision"] or UNKNOWN, "dirty": dirty}


def describe(image: str) -> ImageFacts:
    """Return what the image with this id or name says about itself.

    Raises:
        NotAvailable: there is no such image, or no engine.
    """
    from docker.errors import ImageNotFound

    with contextlib.closing(connect()) as client:
        try:
            return facts_of(client.images.get(image).attrs)
        except ImageNotFound:
            target = next((target for target in TARGETS if tag(target) == image), "cpu")
            raise NotAvailable(
                f"There is no image {image!r} on this engine. Build it: "
                f"kit image build --target {target}"
            ) from None


def facts_of(attributes: Mapping[str, Any]) -> ImageFacts:
    """Return the facts in what the engine tells of an image (`docker image inspect`)."""
    found: Mapping[str, str] = attributes["Config"].get("Labels") or {}
    return ImageFacts(
        id=attributes["Id"],
        size_bytes=attributes["Size"],
        target=found.get(f"{_OWN}target"),
        version=found.get(f"{_OCI}version"),
        revision=found.get(f"{_OCI}revision"),
        dirty={"true": True, "false": False}.get(found.get(f"{_OWN}dirty", "")),
        created=found.get(f"{_OCI}created"),
        base_image=found.get(f"{_OCI}base.name"),
        lock_sha256=found.get(f"{_OWN}lock.sha256"),
        source_sha256=found.get(f"{_OWN}source.sha256"),
    )


def mismatches(facts: ImageFacts, project: Path = paths.PROJECT) -> list[str]:
    """Say in sentences where an image is not what this checkout would build."""
    if facts.target is None or facts.lock_sha256 is None or facts.source_sha256 is None:
        return ["the image does not say what it holds: it was not built by `kit image build`"]
    built = f"revision {_short(facts.revision)}{' with changes' if facts.dirty else ''}"
    found = []
    if facts.lock_sha256 != lock_digest(facts.target, project):
        locks = " and ".join(f"requirements/{name}" for name in lock_files(facts.target))
        found.append(f"the image holds other packages ({built}) than {locks} of this checkout")
    if facts.source_sha256 != source_digest(facts.target, project):
        found.append(f"the image was built from other sources ({built}) than this checkout")
    return found


def is_current(image: str, base_image: str | None, project: Path = paths.PROJECT) -> bool:
    """Tell whether a build would give `image` again, with the same words about its revision.

    Raises:
        NotAvailable: there is no engine.
    """
    try:
        facts = describe(image)
    except NotAvailable:
        connect().close()  # there is an engine, so it is the image that is missing
        return False
    source = revision_of(project)
    dirty = {True: "true", False: "false", None: UNKNOWN}[facts.dirty]
    same_words = (facts.revision, dirty) == (source["revision"], source["dirty"])
    same_base = base_image is None or base_image == facts.base_image
    return same_words and same_base and not mismatches(facts, project)


def _short(revision: str | None) -> str:
    return (revision or UNKNOWN)[:7]
