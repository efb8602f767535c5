"""YAML as a referee reads it: one meaning for each file, or a refusal.

Plain scalars follow YAML 1.2: `1e-4` is a number, `no` and `2025-08-01` are text, `010` is text.
Keys that occur twice, aliases, merges and tags are refused: a reader sees every value in place.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kit import paths
from kit.errors import InvalidFile
from kit.text import escape_line

if TYPE_CHECKING:
    from yaml import SafeLoader as _Base
else:  # the loader in C is ten times faster; wheels of some platforms lack it
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_YAML_BYTES = 1 << 20
MAX_DEPTH = 20
_TEXT = "tag:yaml.org,2002:str"


class _Loader(_Base):
    """A safe loader with the scalars of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]*)$", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$"
        r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$",
        list("-+.0123456789"),
    ),
    ("merge", r"<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def shown(path: Path) -> str:
    """Return a path for a message: relative to the project where it lies in it, on one line."""
    path = path.absolute()
    inside = path.is_relative_to(paths.PROJECT)
    return escape_line(str(path.relative_to(paths.PROJECT) if inside else path))


def read_bytes(path: Path) -> bytes:
    """Return the content of a YAML file, at most `MAX_YAML_BYTES` of it.

    Raises:
        InvalidFile: the file is missing, not readable or too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise InvalidFile(f"{shown(path)}: not a regular file. Replace it by one.")
            content = file.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InvalidFile(f"{shown(path)}: {reason}. Create it, or check the name.") from None
    if len(content) > MAX_YAML_BYTES:
        raise InvalidFile(
            f"{shown(path)}: larger than {MAX_YAML_BYTES:,} bytes. Shorten it to the keys it needs."
        )
    return content


def parse(content: bytes, path: Path) -> Any:
    """Parse the content of the YAML file `path`.

    Raises:
        InvalidFile: it is not UTF-8, not YAML, or has keys that occur twice or aliases.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidFile(
            f"{shown(path)}: not UTF-8 text: byte {error.start + 1} is "
            f"0x{content[error.start]:02x}. Save it as UTF-8."
        ) from None
    try:
        _refuse_constructs(text, path)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_keys(node, path)
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError) as error:
        reason = _one_line(error)
        raise InvalidFile(
            f"{shown(path)}: not valid YAML: {reason}. Fix the syntax there."
        ) from None


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        text = f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    else:
        text = " ".join(str(error).split())
    return escape_line(text)


def _refuse_constructs(text: str, path: Path) -> None:
    """Look at the events first: composing 100,000 nested lists crashes the loader in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidFile(
                f"{shown(path)}: line {_line(event)}: nested more than {MAX_DEPTH} "
                "deep. Flatten it."
            )
        construct = _construct(event)
        if construct:
            raise InvalidFile(
                f"{shown(path)}: line {_line(event)}: {construct} is not allowed. "
                "Write the value out in place."
            )


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _construct(event: yaml.Event) -> str:
    if isinstance(event, yaml.AliasEvent):
        return f"the alias *{event.anchor}"
    if isinstance(event, yaml.NodeEvent) and event.anchor:
        return f"the anchor &{event.anchor}"
    if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag:
        return f"the tag {event.tag!r}"
    return ""


def _check_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, path)
    if not isinstance(node, yaml.MappingNode):
        return
    keys: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag != _TEXT:
            kind = key.tag.rpartition(":")[2]
            raise InvalidFile(
                f"{shown(path)}: line {line}: a key must be text. Received: {kind}. Quote the key."
            )
        if key.value in keys:
            raise InvalidFile(
                f"{shown(path)}: line {line}: the key {key.value!r} occurs twice in one mapping. "
                "Keep one of them."
            )
        keys.add(key.value)
        _check_keys(value, path)
