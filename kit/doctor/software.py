"""Python and its packages against the locked files."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

from kit import paths
from kit.doctor.finding import Finding, error, ok, warning

PYTHON = (3, 11)
SHOWN = 3
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Check the interpreter's version."""
    text = ".".join(map(str, version))
    if version[:2] == PYTHON:
        return ok("Python", text)
    return error("Python", f"{text}; the locked packages are for 3.11", "make clean setup")


def packages(requirements: Path = paths.REQUIREMENTS) -> Finding:
    """Compare installed packages with the lock of the installed TensorFlow."""
    name = "cpu.lock" if _version("tensorflow-cpu") else "gpu.lock"
    try:
        pins = _PIN.findall((requirements / name).read_text(encoding="utf-8"))
    except OSError as problem:
        return warning("Packages", f"{name} cannot be read: {problem.strerror}", "git checkout .")
    missing = [package for package, _ in pins if _version(package) is None]
    if missing:
        return error("Packages", f"missing: {_some(missing)} (of {name})", "make setup")
    other = [
        f"{package} {_version(package)} instead of {locked}"
        for package, locked in pins
        if _version(package) != locked
    ]
    if other:
        return warning("Packages", f"not as locked in {name}: {_some(other)}", "make clean setup")
    return ok("Packages", f"all {len(pins)} as locked in {name}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
