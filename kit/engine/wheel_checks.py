"""What unpacked wheels may add to the pinned environment. Read from their files, nothing is run."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import all_suffixes
from importlib.metadata import Distribution
from pathlib import Path

from packaging import tags
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from kit.errors import InvalidSubmission
from kit.rules.data_sources import data_packages
from kit.rules.extra_requirements import LOCK, ExtraRequirement
from kit.text import escape_line

PYTHON = "3.11"
PLATFORM = "manylinux_2_28"
_OWN_NAMES = {"kit", "workloads", "submissions", "submission"}
_NEVER_IMPORTED = (".dist-info", ".libs")  # what wheels keep beside their packages
_AT_STARTUP = {"sitecustomize", "usercustomize"}


def check_unpacked(
    folder: Path, requirements: Sequence[ExtraRequirement], pinned: Mapping[str, str]
) -> None:
    """Check the wheels in `folder` against the pinned environment.

    Raises:
        InvalidSubmission: a wheel is not what was locked, changes or hides what is there already,
            needs what is not there, or is for another platform.
    """
    found = _distributions(folder)
    wanted = {each.name: each.version for each in requirements}
    if {name: str(d.version) for name, d in found.items()} != wanted and not _same(found, wanted):
        raise _refused(
            f"the wheels hold {_listed(f'{n} {d.version}' for n, d in found.items())}; locked are "
            f"{_listed(f'{n} {v}' for n, v in wanted.items())}. Lock wheels that are what their "
            "names say"
        )
    for name, version in wanted.items():
        _check_not_here_already(name, version)
    for path in sorted(folder.iterdir()):
        if path.suffix == ".pth":
            raise _refused(
                f"{_owner(path, found)} brings {path.name}: Python runs such files at its start, "
                "before Go. Choose a package without it"
            )
    for name, distribution in found.items():
        _check_platform(name, distribution)
        _check_needs(name, distribution, {**pinned, **wanted})
    _check_names(folder, found)
    _check_vendored(folder, found)


def _distributions(folder: Path) -> dict[str, Distribution]:
    return {
        canonicalize_name(distribution.metadata["Name"] or "?"): distribution
        for distribution in importlib.metadata.distributions(path=[str(folder)])
    }


def _same(found: Mapping[str, Distribution], wanted: Mapping[str, str]) -> bool:
    """Compare as PEP 440 does: 1.0 is 1.0.0."""
    try:
        return {n: Version(d.version) for n, d in found.items()} == {
            n: Version(v) for n, v in wanted.items()
        }
    except InvalidVersion:
        return False


def _check_not_here_already(name: str, version: str) -> None:
    """Refuse another version than a development tool's: a local trainer would import the tool."""
    try:
        here = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return
    if Version(here) != Version(version):
        raise _refused(
            f"{name} {version} would not be the one that is imported: the kit's environment holds "
            f"{name} {here}. Lock {name}=={here}, or compile with -c requirements/dev.lock too"
        )


def _check_names(folder: Path, found: Mapping[str, Distribution]) -> None:
    """Refuse names that are taken; the trainer would import what is there already."""
    taken = dict.fromkeys(sys.stdlib_module_names | _AT_STARTUP, "Python")
    for module, owners in importlib.metadata.packages_distributions().items():
        others = {canonicalize_name(owner) for owner in owners} - found.keys()
        if others:
            taken[module] = min(others)
    taken |= dict.fromkeys(_OWN_NAMES, "the kit")
    for path in sorted(folder.iterdir()):
        name = _module(path)
        if name in taken:
            raise _refused(
                f"{_owner(path, found)} brings {path.name}, and {name} belongs to "
                f"{taken[name]}. Choose a package that does not hide what is there"
            )


def _check_vendored(folder: Path, found: Mapping[str, Distribution]) -> None:
    """Reject copies of packages that data is read from; under another name nothing tells them."""
    sources = data_packages()
    for path in sorted(folder.rglob("*")):
        name = canonicalize_name(path.name)
        if path.is_dir() and name in sources:
            inside = path.relative_to(folder)
            raise _refused(
                f"{_owner(folder / inside.parts[0], found)} brings {inside}, a copy of {name}, "
                f"which holds {sources[name]}, evaluation examples included. Choose a package "
                "without it"
            )


def _module(path: Path) -> str | None:
    if path.is_dir():
        return None if path.name.endswith(_NEVER_IMPORTED) else path.name
    return path.name.split(".")[0] if path.name.endswith(tuple(all_suffixes())) else None


def _check_needs(name: str, distribution: Distribution, there: Mapping[str, str]) -> None:
    for text in distribution.requires or ():
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            raise _refused(
                f"{name} {distribution.version} has a requirement that cannot be read: {text!a}. "
                "Choose another version"
            ) from None
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        received = there.get(canonicalize_name(needed.name))
        wants = f"{needed.name}{needed.specifier}"
        if received is None:
            raise _refused(
                f"{name} {distribution.version} needs {wants}, which the kit does not pin and the "
                "file does not lock. Compile it from the names of the packages, with all they need"
            )
        if not needed.specifier.contains(received, prereleases=True):
            raise _refused(
                f"{name} {distribution.version} needs {wants}, and there is {needed.name} "
                f"{received}. Choose a version of {name} that works with it"
            )


def _check_platform(name: str, distribution: Distribution) -> None:
    text = distribution.read_text("WHEEL") or ""
    stated = [line.partition(":")[2].strip() for line in text.splitlines() if line[:4] == "Tag:"]
    parsed = {tag for line in stated if line.count("-") == 2 for tag in tags.parse_tag(line)}
    if not parsed & _supported_tags():
        raise _refused(
            f"{name} {distribution.version} is compiled for {_listed(stated)}. Lock a wheel for "
            f"CPython {PYTHON} on x86_64 {PLATFORM}"
        )


def _supported_tags() -> set[tags.Tag]:
    newest = int(PLATFORM.rpartition("_")[2])
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(newest, 4, -1)]
    platforms += [f"{name}_x86_64" for name in ("manylinux2014", "manylinux2010", "manylinux1")]
    platforms += ["linux_x86_64"]
    version = tuple(map(int, PYTHON.split(".")))
    interpreter = f"cp{PYTHON.replace('.', '')}"
    return {
        *tags.cpython_tags(version, platforms=platforms),
        *tags.compatible_tags(version, interpreter, platforms),
    }


def _owner(path: Path, found: Mapping[str, Distribution]) -> str:
    """Return the package that a top-level file or folder is of."""
    for name, distribution in found.items():
        for file in distribution.files or ():
            if file.parts[:1] == (path.name,):
                return f"{name} {distribution.version}"
    return "a package"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "(nothing)"


def _refused(what: str) -> InvalidSubmission:
    return InvalidSubmission(f"{LOCK}: {escape_line(what)}.")
