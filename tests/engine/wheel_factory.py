"""Tiny wheels in a folder that stands for the package index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kit.rules.extra_requirements import ExtraRequirement


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_wheel(
    index: Path,
    name: str,
    files: Mapping[str, str],
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    stated_tag: str | None = None,
    metadata: Sequence[str] = (),
) -> ExtraRequirement:
    """Write a wheel into `index` and return its requirement; `stated_tag` is the one inside."""
    distribution = f"{name}-{version}.dist-info"
    head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""]
    wheel = ["Wheel-Version: 1.0", "Root-Is-Purelib: true", f"Tag: {stated_tag or tag}", ""]
    contents = {
        **files,
        f"{distribution}/METADATA": "\n".join(head),
        f"{distribution}/WHEEL": "\n".join(wheel),
    }
    rows = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in contents.items()]
    contents[f"{distribution}/RECORD"] = "\n".join([*rows, f"{distribution}/RECORD,,", ""])
    index.mkdir(exist_ok=True)
    path = index / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in contents.items():
            archive.writestr(zipfile.ZipInfo(inside), text)
    return ExtraRequirement(name, version, (sha256(path),))


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
