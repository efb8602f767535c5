"""The digest of a submission's source: what `submission_sha256` means."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def digest_files(files: Mapping[str, bytes]) -> str:
    """Return the sha256 over path, NUL, length, NUL and content of every file, sorted by path."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(path.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()
