"""Read a submission's folder within its limits: regular text files of known kinds, nothing else."""

from __future__ import annotations

import lzma
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from kit.errors import InvalidSubmission
from kit.rules.ruleset import SubmissionLimits
from kit.schema.strict_yaml import shown

MAX_ENTRIES = 500
# xz --format=raw --lzma2=dict=4MiB,lc=3,lp=0,pb=2,mode=normal,nice=273,mf=bt4,depth=512
_COMPRESSION = (
    {
        "id": lzma.FILTER_LZMA2,
        "dict_size": 4 << 20,
        "lc": 3,
        "lp": 0,
        "pb": 2,
        "mode": lzma.MODE_NORMAL,
        "nice_len": 273,
        "mf": lzma.MF_BT4,
        "depth": 512,
    },
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_IGNORED_FOLDERS = {"__pycache__"}


def read_folder(folder: Path, limits: SubmissionLimits) -> dict[str, bytes]:
    """Return the content of every file by its relative path, sorted; `__pycache__` is left out.

    Raises:
        InvalidSubmission: a link, an odd name, a kind of file that is not allowed, binary content,
            or more bytes than allowed, as they are or compressed.
    """
    contents: dict[str, bytes] = {}
    left = limits.max_bytes
    for path in _files(folder):
        if path.suffix not in limits.suffixes:
            raise InvalidSubmission(
                f"{shown(path)}: not a kind of file that a submission may hold. Choose one of: "
                f"{', '.join(limits.suffixes)}. Received: {path.suffix or 'no suffix'}. Remove it."
            )
        content = _read(path, left)
        if content is None:
            raise InvalidSubmission(
                f"{shown(folder)}: more than the {limits.max_bytes:,} bytes that the ruleset "
                f"allows, counted up to {path.name}. Remove what the algorithm does not need."
            )
        _check_text(path, content)
        left -= len(content)
        contents[path.relative_to(folder).as_posix()] = content
    contents = dict(sorted(contents.items()))
    if problem := compression_problem(contents, limits):
        raise InvalidSubmission(f"{shown(folder)}: {problem}")
    return contents


def compressed_bytes(contents: Mapping[str, bytes]) -> int:
    """Return the size of all names and contents, compressed: how much a submission can know.

    Compressed is one text: for each path, in sorted order, the path, a zero byte, the content and a
    zero byte. Names count, and nothing is gained by many files. The format is raw LZMA2, with every
    setting fixed, so that everyone computes the same number.
    """
    text = b"".join(b"%s\0%s\0" % (name.encode(), contents[name]) for name in sorted(contents))
    return len(lzma.compress(text, format=lzma.FORMAT_RAW, filters=list(_COMPRESSION)))


def compression_problem(contents: Mapping[str, bytes], limits: SubmissionLimits) -> str | None:
    """Return in one line that the compressed text is larger than allowed, or None."""
    size = compressed_bytes(contents)
    if size <= limits.max_compressed_bytes:
        return None
    return (
        f"its text is {size:,} bytes when compressed, and the ruleset allows "
        f"{limits.max_compressed_bytes:,}. Remove tables of numbers and encoded data: parameters "
        "may not be trained beforehand."
    )


def write_folder(contents: Mapping[str, bytes], folder: Path) -> None:
    """Write files as `read_folder` returns them into `folder`, which must not exist.

    Raises:
        InvalidSubmission: a path leads out of the folder, or has an odd name.
    """
    for name in contents:
        if not all(_PLAIN_NAME.fullmatch(part) for part in name.split("/")):
            raise InvalidSubmission(f"{name!a} is no path that a submission may hold.")
    folder.mkdir(parents=True)
    try:
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
    except OSError as error:  # a file and a folder of one name
        raise InvalidSubmission(f"cannot be unpacked: {error.strerror}.") from None


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below `folder`, in sorted order of each folder."""
    entries = 0
    waiting = [folder]
    while waiting:
        for entry in _sorted_entries(waiting.pop()):
            path = Path(entry.path)
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder and entry.name in _IGNORED_FOLDERS:
                continue
            entries += 1
            if entries > MAX_ENTRIES:
                raise InvalidSubmission(
                    f"{shown(folder)}: more than {MAX_ENTRIES} files and folders. Remove what the "
                    "algorithm does not need."
                )
            _check_entry(path, entry)
            if is_folder:
                waiting.append(path)
            else:
                yield path


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from None


def _check_entry(path: Path, entry: os.DirEntry[str]) -> None:
    if entry.is_symlink():
        raise InvalidSubmission(
            f"{shown(path)}: a symbolic link. Copy what it points to into the folder."
        )
    if not _PLAIN_NAME.fullmatch(entry.name):
        raise InvalidSubmission(
            f"{shown(path)}: a name may hold letters, digits, '.', '_' and '-', and does not start "
            f"with '.' or '-'. Received: {entry.name!a}. Rename or remove it."
        )
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        raise InvalidSubmission(f"{shown(path)}: not a regular file. Remove it.")


def _read(path: Path, left: int) -> bytes | None:
    """Return the content, or None where it has more than `left` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(left + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    return content if len(content) <= left else None


def _unreadable(path: Path, error: OSError) -> InvalidSubmission:
    reason = error.strerror or type(error).__name__
    return InvalidSubmission(f"{shown(path)}: cannot be read: {reason}. Check its permissions.")


def _check_text(path: Path, content: bytes) -> None:
    try:
        is_text = "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        is_text = False
    if not is_text:
        raise InvalidSubmission(
            f"{shown(path)}: binary content. A submission holds UTF-8 text only, so no trained "
            "parameters. Remove it, or save it as UTF-8."
        )
