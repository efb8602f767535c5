"""A submission's extra packages: `requirements.lock`, exact versions with sha256 hashes.

The file is read strictly, and what was read is all that is ever installed: no installer sees the
file itself. So nothing in it can name an index, a path, or something to build.
Source of the format: pip, "Secure installs"; `uv pip compile --generate-hashes` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from kit import paths
from kit.errors import InvalidSubmission, NotAvailable
from kit.rules.ruleset import Wheel
from kit.text import escape_line

LOCK = "requirements.lock"
MAX_EXTRA_PACKAGES = 50
_MAX_SHOWN_CHARACTERS = 80
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_COMMENT = re.compile(r"(^|\s)#.*$")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class ExtraRequirement:
    """One package that a submission adds to the trainer."""

    name: str  # as PEP 503 normalizes it
    version: str
    sha256: tuple[str, ...]  # of the files that are accepted, sorted

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def locked(self) -> str:
        """Return the line that an installer needs."""
        return " ".join([str(self), *(f"--hash=sha256:{digest}" for digest in self.sha256)])


def extra_requirements(
    contents: Mapping[str, bytes], pinned: Mapping[str, str], data_packages: Mapping[str, str]
) -> tuple[ExtraRequirement, ...]:
    """Return what `requirements.lock` adds to the pinned packages, sorted by name.

    Args:
        contents: the submission's files by relative path.
        pinned: versions by normalized name; an entry of the same version is there already.
        data_packages: what a package is the source of, by normalized name; none may be added.

    Raises:
        InvalidSubmission: the file holds anything but exact versions with hashes, one entry for a
            package, or an entry would change a pinned version or bring a workload's data.
    """
    found: dict[str, ExtraRequirement] = {}
    seen: dict[str, int] = {}
    for line, text in _entries(contents.get(LOCK, b"")):
        entry = _entry(line, text)
        if entry.name in seen:
            raise _wrong(
                line, f"{entry.name} is there twice, first on line {seen[entry.name]}", text,
                "Keep one of them.",
            )  # fmt: skip
        seen[entry.name] = line
        if entry.name in data_packages:
            raise _wrong(
                line,
                f"{entry.name} holds {data_packages[entry.name]}, evaluation examples included",
                text,
                "Remove it: a submission sees the training split alone.",
            )
        pin = pinned.get(entry.name)
        if pin is None:
            found[entry.name] = entry
        elif Version(pin) != Version(entry.version):
            raise _wrong(
                line,
                f"{entry.name} {entry.version} would change a pinned version: the kit has "
                f"{entry.name} {pin}, the same for all submissions",
                text,
                "Compile the file again with -c requirements/cpu.lock -c requirements/gpu.lock.",
            )
    if len(found) > MAX_EXTRA_PACKAGES:
        raise InvalidSubmission(
            f"{LOCK}: more than {MAX_EXTRA_PACKAGES} packages that the kit does not pin. "
            f"Received: {len(found)}. Remove what the algorithm does not need."
        )
    return tuple(found[name] for name in sorted(found))


def pinned_versions() -> dict[str, str]:
    """Return the version of every package that the CPU or the GPU environment pins.

    Raises:
        NotAvailable: the CPU lock cannot be read.
    """
    pinned: dict[str, str] = {}
    for name in ("gpu.lock", "cpu.lock"):  # versions that both have are equal; a test holds it
        path = paths.REQUIREMENTS / name
        if name == "gpu.lock" and not path.exists():
            continue  # an image for the CPU may be without it
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise NotAvailable(
                f"{LOCK} cannot be checked: {path} is unreadable ({error.strerror}). Restore it."
            ) from None
        pinned |= {canonicalize_name(name): version for name, version in _PIN.findall(text)}
    return pinned


def unlisted_wheels(
    requirements: Iterable[ExtraRequirement], allowed: Iterable[Wheel]
) -> list[ExtraRequirement]:
    """Return the requirements that accept a file that is not an allowed wheel."""
    listed = {(wheel.name, wheel.version, wheel.sha256) for wheel in allowed}
    return [
        each
        for each in requirements
        if not all((each.name, each.version, digest) in listed for digest in each.sha256)
    ]


def _entries(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield each entry with the number of its first line, continued lines joined."""
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise InvalidSubmission(f"{LOCK}: not UTF-8 text. Save it as UTF-8.") from None
    parts: list[str] = []
    start = 1
    for number, line in enumerate(lines, start=1):
        part = _COMMENT.sub("", line).strip()
        if not parts:
            start = number
        parts.append(part.removesuffix("\\"))
        if part.endswith("\\"):
            continue
        text = " ".join(" ".join(parts).split())
        parts = []
        if text:
            yield start, text
    if parts:
        raise _wrong(start, "the entry is cut off: its last line ends in a backslash",
                     " ".join(parts), "Compile the file again.")  # fmt: skip


def _entry(line: int, text: str) -> ExtraRequirement:
    requirement, *options = re.split(r"\s(?=--)", text)
    if text.startswith("-"):
        raise _wrong(
            line, "an option; a lock holds packages only, so that nothing is built and no other "
            "file, index or folder is read", text, "Remove the line.",
        )  # fmt: skip
    if "://" in text or " @ " in text:
        raise _wrong(line, "a URL; a package is locked by name", text, "Write name==version.")
    if re.match(r"[./~]", text) or re.search(r"[/\\]|\.whl\b|\.tar\b|\.zip\b", requirement):
        raise _wrong(line, "a path; a package is locked by name", text, "Write name==version.")
    name, version = _exact(line, text, requirement)
    for option in options:
        if not option.startswith("--hash"):
            raise _wrong(
                line, f"{name} has an option other than --hash", option,
                "Remove it: packages come as wheels and are never built.",
            )  # fmt: skip
        if not _HASH.fullmatch(option):
            raise _wrong(line, f"a hash of {name} is not a sha256 in 64 lower-case hex digits",
                         option, "Compile the file with --generate-hashes.")  # fmt: skip
    if not options:
        raise _wrong(line, f"{name} has no hash", text, "Compile the file with --generate-hashes.")
    digests = {option.removeprefix("--hash=sha256:") for option in options}
    return ExtraRequirement(name, version, tuple(sorted(digests)))


def _exact(line: int, text: str, requirement: str) -> tuple[str, str]:
    """Return normalized name and version of `name==version`."""
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        raise _wrong(line, "not name==version", text, "Compile the file again.") from None
    if parsed.marker is not None:
        raise _wrong(
            line, f"{parsed.name} has an environment marker; there is one platform only", text,
            "Compile with --python-version 3.11 --python-platform x86_64-manylinux_2_28, not "
            "--universal.",
        )  # fmt: skip
    if parsed.extras:
        raise _wrong(line, f"{parsed.name} names extras", text,
                     "Compile with --strip-extras: their packages are entries too.")  # fmt: skip
    specifiers = list(parsed.specifier)
    if [s.operator for s in specifiers] != ["=="] or specifiers[0].version.endswith(".*"):
        raise _wrong(line, f"{parsed.name} has no exact version", text, "Write name==version.")
    return canonicalize_name(parsed.name), str(Version(specifiers[0].version))


def _wrong(line: int, what: str, received: str, fix: str) -> InvalidSubmission:
    received = escape_line(received)
    if len(received) > _MAX_SHOWN_CHARACTERS:
        received = received[: _MAX_SHOWN_CHARACTERS - 1] + "…"
    return InvalidSubmission(f"{LOCK}, line {line}: {what}. Received: {received}. {fix}")
