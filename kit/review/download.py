"""Downloads artifacts that somebody else made: nothing but the expected files, none too large."""

from __future__ import annotations

import hashlib
import os
import resource
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kit.errors import VerificationError
from kit.mirror.project import one_line
from kit.records.atomic import disk_errors
from kit.records.files import UNFINISHED, read_regular
from kit.review.copies import LIMITS_BYTES, VersionCopy

if TYPE_CHECKING:
    import wandb

ATTEMPTS = 3


def fetch(artifact: wandb.Artifact, folder: Path) -> VersionCopy:
    """Download a version of an artifact below `folder`, unless a review did so before.

    What cannot be had, or is not what it should be, is a problem of the copy, not an error.

    Raises:
        TrialError: the disk is full, or `folder` cannot be written.
    """
    collection, _, version = artifact.name.rpartition(":v")
    identity = "\n".join((artifact.type, artifact.name, artifact.digest or ""))
    place = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]
    problem = "" if place.is_dir() else _download(artifact, place)
    return VersionCopy(
        collection=collection,
        type=artifact.type,
        version=int(version),
        aliases=frozenset(artifact.aliases),
        created_at=artifact.created_at or "",
        files=None if problem else place,
        problem=problem,
    )


def _download(artifact: wandb.Artifact, place: Path) -> str:
    """Fill the folder `place`, which appears complete or not at all; return what is wrong."""
    limits = LIMITS_BYTES[artifact.type]
    problem = ""
    for _ in range(ATTEMPTS):
        writing = place.with_name(f".{place.name}.{secrets.token_hex(6)}{UNFINISHED}")
        with disk_errors(place):
            writing.mkdir(parents=True)
        try:
            if problem := _contents_problem(artifact, limits):
                return problem
            with largest_file(max(limits.values())):
                artifact.download(root=str(writing), skip_cache=True)
            if problem := _folder_problem(writing, limits):
                return problem
            with disk_errors(place):
                writing.rename(place)
            return ""
        except Exception as error:  # noqa: BLE001  # whatever SDK and HTTP library raise
            problem = f"cannot be downloaded: {one_line(error)}"
        finally:
            shutil.rmtree(writing, ignore_errors=True)
    return problem


def _contents_problem(artifact: wandb.Artifact, limits: Mapping[str, int]) -> str:
    """Say what the list of contents must not hold, before anything of it is written."""
    for name, entry in artifact.manifest.entries.items():
        if name not in limits or entry.path != name:
            return f"holds {ascii(name)[:100]}, which is no part of a {artifact.type}"
        if entry.ref is not None:
            return f"{name} is a reference to another place, {ascii(entry.ref)[:100]}, not a file"
        if (entry.size or 0) > limits[name]:
            return f"{name} has {entry.size:,} bytes; {limits[name]:,} are allowed"
    return ""


def _folder_problem(folder: Path, limits: Mapping[str, int]) -> str:
    for found in sorted(os.scandir(folder), key=lambda entry: entry.name):
        try:
            size = len(read_regular(Path(found.path)))
        except VerificationError as error:
            return f"{found.name!a}: {error}"
        if found.name not in limits or size > limits[found.name]:
            return f"{found.name!a} with {size:,} bytes is not what the list of contents says"
    return ""


@contextmanager
def largest_file(limit_bytes: int) -> Iterator[None]:
    """Let the system refuse larger files: a list of contents can lie about sizes."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    allowed = [limit_bytes, *(x for x in (before, hard) if x != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(allowed), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
