"""Packages and files that hold the data of workloads, evaluation examples included.

The list derives from the `sources` in every `workload.yaml`, and from `requirements/data.lock`,
which pins the packages that data is read from or generated with.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import canonicalize_name

from kit import paths, registry
from kit.contracts.workload_manifest import SourceEntry
from kit.errors import InvalidFile

DATA_LOCK = "data.lock"
_PINNED_NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def data_packages() -> dict[str, str]:
    """Return what each Python package is the source of, by its name as PEP 503 normalizes it."""
    found: dict[str, list[str]] = {}
    lock = paths.REQUIREMENTS / DATA_LOCK
    if lock.exists():  # an image is without it
        for name in _PINNED_NAME.findall(lock.read_text(encoding="utf-8")):
            found.setdefault(canonicalize_name(name), [])
    for workload, source in _sources():
        if source.python_package:
            workloads = found.setdefault(canonicalize_name(source.python_package), [])
            if workload not in workloads:
                workloads.append(workload)
    return {
        name: f"the data of {', '.join(workloads)}" if workloads else "a workload's data"
        for name, workloads in sorted(found.items())
    }


def data_files() -> list[Path]:
    """Return where installed system packages put the files that data is read from."""
    files = {Path(source.file) for _, source in _sources() if source.file}
    files |= {Path("/", source.member or "") for _, source in _sources() if source.debian_package}
    return sorted(files)


def _sources() -> Iterator[tuple[str, SourceEntry]]:
    """Yield every source of every original with its workload's name."""
    for workload in registry.workload_names():
        with contextlib.suppress(InvalidFile):  # it cannot run, and must not stop the others
            for scale in registry.workload_manifest(workload).scales.values():
                for original in scale.originals.values():
                    yield from ((workload, source) for source in original.sources)
