"""The archive of a submission's source: the same files give the same archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping

MAX_ARCHIVE_BYTES = 1 << 28  # unpacked; nothing larger is opened


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a gzipped tar archive: sorted names, no times, no owners.

    Raises:
        ValueError: the files are larger than `MAX_ARCHIVE_BYTES` together.
    """
    return gzip.compress(_tar(files), compresslevel=9, mtime=0)


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the files of an archive that `pack` made; nothing is written to disk.

    Raises:
        ValueError: it is damaged, too large, or holds anything but what `pack` writes.
    """
    inflate = zlib.decompressobj(wbits=31)  # gzip
    try:
        tar = inflate.decompress(archive, MAX_ARCHIVE_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"not a gzip file: {error}") from None
    if len(tar) > MAX_ARCHIVE_BYTES:
        raise ValueError(f"larger than {MAX_ARCHIVE_BYTES:,} bytes when unpacked")
    if not inflate.eof or inflate.unused_data:
        raise ValueError("a gzip file that is cut off or has something behind its end")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as opened:
            for member in opened:
                content = opened.extractfile(member) if member.isreg() else None
                if content is None:
                    raise ValueError(f"{member.name!r} is not a regular file")
                files[member.name] = content.read()
    except (tarfile.TarError, EOFError, OverflowError) as error:
        raise ValueError(f"not a tar archive: {error}") from None
    # Compared as tar, not as gzip: another zlib may compress the same bytes differently.
    if _tar(files) != tar:
        raise ValueError("not in the form the kit writes: other metadata, order or hidden bytes")
    return files


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    if len(data) > MAX_ARCHIVE_BYTES:
        raise ValueError(f"the source is larger than {MAX_ARCHIVE_BYTES:,} bytes")
    return data
