"""The files of an image, and where those of two images differ."""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple, cast

from kit.engine.client import connect
from kit.errors import NotAvailable

_CHUNK_BYTES = 1 << 20
_CAPABILITY = "SCHILY.xattr.security.capability"
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "pipe",
}


class Entry(NamedTuple):
    """One path of an image. Dates are left out: the engine stamps directories it makes itself."""

    kind: str
    mode: int
    uid: int
    gid: int
    size_bytes: int = 0
    sha256: str = ""
    link: str = ""
    capability: str = ""


def contents(image: str) -> dict[str, Entry]:
    """Return every path of an image, read from a container that is never started.

    Raises:
        NotAvailable: there is no such image, or no engine.
    """
    from docker.errors import ImageNotFound

    with contextlib.closing(connect(timeout_seconds=600)) as client:
        try:
            container = client.containers.create(image, ["true"])
        except ImageNotFound:
            raise NotAvailable(f"There is no image {image!r} on this engine.") from None
        try:
            with contextlib.closing(container.export(_CHUNK_BYTES)) as chunks:
                return read(chunks)
        finally:
            container.remove(v=True)


def read(chunks: Iterable[bytes]) -> dict[str, Entry]:
    """Return every path in a tar stream."""
    found: dict[str, Entry] = {}
    stream = cast("IO[bytes]", _Stream(chunks))
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            path = f"/{member.name.removeprefix('./').rstrip('/')}"
            # Of a file with two names the engine writes the content once, under either.
            found[path] = found[f"/{member.linkname}"] if member.islnk() else _entry(tar, member)
    return found


def differences(first: dict[str, Entry], second: dict[str, Entry]) -> Iterator[str]:
    """Yield one line for each path that differs, in the order of the paths."""
    for path in sorted(first.keys() | second.keys()):
        a, b = first.get(path), second.get(path)
        if a is None or b is None:
            yield f"{path}: only in the {'second' if a is None else 'first'} image"
        elif a != b:
            yield f"{path}: " + ", ".join(
                f"{field} {_shown(field, left)} and {_shown(field, right)}"
                for field, left, right in zip(Entry._fields, a, b, strict=True)
                if left != right
            )


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    kind = "file" if member.isfile() else _KINDS.get(member.type, repr(member.type))
    entry = Entry(kind, member.mode, member.uid, member.gid, link=member.linkname)
    if member.ischr() or member.isblk():
        entry = entry._replace(link=f"{member.devmajor}:{member.devminor}")
    if capability := member.pax_headers.get(_CAPABILITY):
        entry = entry._replace(capability=capability.encode(errors="surrogateescape").hex())
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        return entry
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
    return entry._replace(size_bytes=member.size, sha256=digest.hexdigest())


def _shown(field: str, value: Any) -> str:
    if field == "mode":
        return oct(value)
    return str(value)[:12] if field == "sha256" else str(value)


class _Stream:
    """The chunks of a response as a file that can be read once."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = b""

    def read(self, size: int) -> bytes:
        parts, wanted = [], size
        while wanted > 0:
            if not self._left:
                self._left = next(self._chunks, b"")
                if not self._left:
                    break
            part, self._left = self._left[:wanted], self._left[wanted:]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
