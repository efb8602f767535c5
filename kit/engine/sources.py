"""What goes into an image: which files of this checkout, which lock, as digests."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kit import paths
from kit.errors import UnknownName

TARGETS = ("cpu", "gpu", "upload", "test")

# These lists are also in `.dockerignore` and in the Dockerfile's COPY lines; a test compares them.
_KIT = ("kit", "workloads", "rules", "pyproject.toml")
_TESTS = (
    ".ci",
    ".dockerignore",
    ".gitignore",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "benchmarks",
    "docker-compose.yml",
    "docs",
    "requirements",
    "submissions",
    "tests",
)
LEFT_OUT = ("__pycache__", "*.pyc", "*.pem")  # wherever they are


def source_files(target: str, project: Path = paths.PROJECT) -> list[Path]:
    """Return the files that the image `target` copies from `project`, relative to it, sorted."""
    _check(target)
    found = [file for name in _KIT for file in _files(project / name)]
    found += (project / "requirements").glob("*.lock")
    if target == "test":
        found += [file for name in _TESTS for file in _files(project / name)]
    return sorted({file.relative_to(project) for file in found})


def source_digest(target: str = "cpu", project: Path = paths.PROJECT) -> str:
    """Return the sha256 over path and content of every file that the image copies.

    It does not depend on dates or modes; one line per file, as `sha256sum` writes them.
    """
    digest = hashlib.sha256()
    for path in source_files(target, project):
        content = hashlib.sha256((project / path).read_bytes()).hexdigest()
        digest.update(f"{content}  {path.as_posix()}\n".encode())
    return digest.hexdigest()


def lock_files(target: str) -> tuple[str, ...]:
    """Return the names of the files that pin the packages of an image."""
    _check(target)
    return ("cpu.lock", "dev.lock") if target == "test" else (f"{target}.lock",)


def lock_digest(target: str, project: Path = paths.PROJECT) -> str:
    """Return the sha256 of the file that pins the packages of an image.

    For `test`, which has two of them, it is that of one after the other.
    """
    digest = hashlib.sha256()
    for name in lock_files(target):
        digest.update((project / "requirements" / name).read_bytes())
    return digest.hexdigest()


def commit_seconds(project: Path = paths.PROJECT) -> int:
    """Return when HEAD was committed, in seconds since 1970; 0 outside a clone.

    `SOURCE_DATE_EPOCH` overrides it, as in other builds that can be repeated.
    """
    override = os.environ.get("SOURCE_DATE_EPOCH")
    if override:
        return int(override)
    command = ["git", "-C", str(project), "log", "-1", "--format=%ct"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 0


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for child in path.iterdir():
            if not any(fnmatch.fnmatch(child.name, pattern) for pattern in LEFT_OUT):
                yield from _files(child)
    elif path.exists():
        yield path


def _check(target: str) -> None:
    if target not in TARGETS:
        raise UnknownName("image target", target, TARGETS, "--target")
