"""Find an original file: in the cache, in the user's folder, or at one of its sources."""

from __future__ import annotations

from pathlib import Path

from kit import paths
from kit.data.content import SourceFailed, sha256_of
from kit.data.definition import DataDefinition, Original
from kit.data.progress import Progress
from kit.data.sources import LocalFile, Source
from kit.errors import DataError


def fetch_originals(
    definition: DataDefinition, user_folder: Path | None, progress: Progress
) -> dict[str, Path]:
    """Return the path of every original by name; those not yet in the cache are fetched.

    Raises:
        DataError: no source provides a file.
    """
    return {
        original.name: _fetch(original, definition, user_folder, progress)
        for original in definition.originals
    }


def _fetch(
    original: Original, definition: DataDefinition, user_folder: Path | None, progress: Progress
) -> Path:
    folder = paths.data_root() / "sources"
    cached = folder / f"{original.sha256[:16]}-{original.name}"
    if cached.exists() and sha256_of(cached) == original.sha256:
        return cached
    folder.mkdir(parents=True, exist_ok=True)
    incoming = cached.with_name(cached.name + ".incoming")
    tried: list[str] = []
    for source in (*_in_folder(original, user_folder), *original.sources):
        try:
            source.provide(incoming, progress)
            _check(incoming, original)
            return incoming.replace(cached)
        except SourceFailed as failure:
            tried.append(f"{source} ({failure})")
        finally:
            incoming.unlink(missing_ok=True)
    raise DataError(_nothing_found(original, definition, tried))


def _in_folder(original: Original, user_folder: Path | None) -> list[Source]:
    if user_folder is None:
        return []
    names = (original.name, f"{original.name}.gz")
    return [LocalFile(user_folder / name) for name in names if (user_folder / name).exists()] or [
        LocalFile(user_folder / original.name)
    ]


def _check(file: Path, original: Original) -> None:
    received = sha256_of(file)
    if received != original.sha256:
        raise SourceFailed(
            f"other content: sha256 {received[:16]}…, expected {original.sha256[:16]}…"
        )


def _nothing_found(original: Original, definition: DataDefinition, tried: list[str]) -> str:
    names = " ".join(o.name for o in definition.originals)
    return (
        f"The data of {definition.label} cannot be prepared: no source provides {original.name}. "
        f"Tried: {'; '.join(tried)}. Connect to a network, or get the files elsewhere ({names}; "
        f".gz will do) and run: {definition.command} --from DIR"
    )
