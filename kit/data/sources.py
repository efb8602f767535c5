"""Places that hold the bytes of an original file. Each is tried in order; a checksum decides.

A source writes the content of the file, without gzip compression, to a path. Archives are only
read, never installed or imported.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kit import paths
from kit.data.archives import fetch_debian_package, fetch_python_package, read_debian, read_python
from kit.data.content import SourceFailed, write_content
from kit.data.download import download
from kit.data.progress import Progress
from kit.contracts.workload_manifest import SourceEntry


class Source(Protocol):
    """One place. `str(source)` names it in messages, `kind` in lists."""

    @property
    def kind(self) -> str:
        """Say in a few words what kind of place this is."""
        ...

    def provide(self, destination: Path, progress: Progress) -> None:
        """Write the uncompressed content to `destination`.

        Raises:
            SourceFailed: the file is not to be had here.
        """
        ...


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine: an installed package's, or one that the user has."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def kind(self) -> str:
        """Say what kind of place this is."""
        return "installed file"

    def provide(self, destination: Path, progress: Progress) -> None:
        """Copy the file."""
        try:
            with self.path.open("rb") as stream:
                write_content(stream, self.path.name, destination)
        except OSError as error:
            raise SourceFailed(error.strerror or str(error)) from None


@dataclass(frozen=True)
class PythonPackage:
    """A file inside a wheel or source archive that `requirements/data.lock` pins by hash.

    Without a `member` it is the archive itself, for originals of many files.
    """

    package: str
    member: str | None = None

    def __str__(self) -> str:
        return f"Python package {self.package}"

    @property
    def kind(self) -> str:
        """Say what kind of place this is."""
        return str(self)

    def provide(self, destination: Path, progress: Progress) -> None:
        """Fetch the archive unless it is there, and copy it or the member."""
        progress.stage(f"Fetching Python package {self.package}")
        lock = paths.REQUIREMENTS / "data.lock"
        archive = fetch_python_package(self.package, lock, _archives() / self.package)
        if self.member is None:
            shutil.copyfile(archive, destination)
        else:
            read_python(archive, self.member, destination)


@dataclass(frozen=True)
class DebianPackage:
    """A file inside a Debian package, downloaded and unpacked without being installed."""

    package: str
    member: str

    def __str__(self) -> str:
        return f"Debian package {self.package}"

    @property
    def kind(self) -> str:
        """Say what kind of place this is."""
        return str(self)

    def provide(self, destination: Path, progress: Progress) -> None:
        """Fetch the package unless it is there, and copy the member."""
        progress.stage(f"Fetching Debian package {self.package}")
        archive = fetch_debian_package(self.package, _archives() / self.package)
        read_debian(archive, self.member, destination)


@dataclass(frozen=True)
class Url:
    """A file on a web server; an interrupted download is continued."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def kind(self) -> str:
        """Say what kind of place this is."""
        return "download"

    def provide(self, destination: Path, progress: Progress) -> None:
        """Download, then unpack."""
        progress.stage(f"Downloading {self.url}")
        downloaded = destination.with_name(destination.name + ".download")
        download(self.url, downloaded, progress)
        try:
            with downloaded.open("rb") as stream:
                write_content(stream, self.url, destination)
        finally:
            downloaded.unlink()


def _archives() -> Path:
    return paths.data_root() / "sources" / "archives"


def source(entry: SourceEntry) -> Source:
    """Return the source that an entry of `workload.yaml` describes."""
    if entry.url is not None:
        return Url(entry.url)
    if entry.file is not None:
        return LocalFile(Path(entry.file))
    if entry.python_package is not None:
        return PythonPackage(entry.python_package, entry.member)
    return DebianPackage(entry.debian_package or "", entry.member or "")
