"""The content of an original file: copied, unpacked and checked."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from pathlib import Path
from typing import IO, cast

_CHUNK_BYTES = 1 << 20


class SourceFailed(Exception):
    """A source cannot provide a file; the text says why. The next source is tried."""


def write_content(stream: IO[bytes], name: str, destination: Path) -> None:
    """Copy `stream` to `destination`, decompressed if `name` ends in `.gz`.

    Raises:
        SourceFailed: the compressed bytes are damaged.
    """
    compressed = name.endswith(".gz") and not destination.name.endswith(".gz")
    try:
        with destination.open("wb") as output:
            content = cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if compressed else stream
            shutil.copyfileobj(content, output, _CHUNK_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise SourceFailed("the file is damaged") from None


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
