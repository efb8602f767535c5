"""The committed `docker-compose.yml`, rendered: what the containers of a trial have and may do.

The kit reads its own copy, which the image contains too. A file that was changed in the checkout is
compared with this one. Only the syntax that the file uses is rendered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("docker-compose.yml")
EXCHANGE = "exchange"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_SHIFT = {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}
_PAGE_BYTES = 4096


@dataclass(frozen=True)
class MemoryFolder:
    """A tmpfs: its size, and mode and owner of its root, as text ("0755", "0:0")."""

    size_bytes: int
    permissions: str
    owner: str

    @classmethod
    def of(cls, options: str, owner: str | None = None) -> MemoryFolder:
        """Read mount options as compose and the kernel write them; `owner` stands for theirs."""
        given = dict(option.split("=", 1) for option in options.split(",") if "=" in option)
        pages = -(-(bytes_of(given.get("size", "0")) or 0) // _PAGE_BYTES)
        permissions = f"{int(given.get('mode', '1777'), 8):04o}"
        owner = owner or f"{given.get('uid', '0')}:{given.get('gid', '0')}"
        return cls(pages * _PAGE_BYTES, permissions, owner)

    def __str__(self) -> str:
        return f"{self.size_bytes} bytes with mode {self.permissions} of {self.owner}"


def digest() -> str:
    """Return the sha256 of the committed file."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()


def rendered(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the file's content with `${NAME}`, `${NAME:-default}` and `${NAME:?…}` replaced.

    A service's environment becomes name -> value, also for names that take over a variable.
    """
    content: dict[str, Any] = _filled(yaml.safe_load(FILE.read_text("utf-8")), variables)
    for service in content["services"].values():
        pairs = (entry.partition("=") for entry in service.get("environment", ()))
        service["environment"] = {
            name: text if given else variables.get(name, "") for name, given, text in pairs
        }
    return content


def memory_folders(content: Mapping[str, Any], service: str) -> dict[str, MemoryFolder]:
    """Return path -> tmpfs of a service: its own ones, shared memory and the exchange."""
    policy = content["services"][service]
    options = dict(entry.split(":", 1) for entry in policy["tmpfs"])
    options["/dev/shm"] = f"size={policy['shm_size']}"
    options["/exchange"] = content["volumes"][EXCHANGE]["driver_opts"]["o"]
    return {path: MemoryFolder.of(text) for path, text in options.items()}


def bytes_of(size: str) -> int | None:
    """Return an amount as compose writes it: 8g, 512m, 1024b; None for anything else."""
    found = re.fullmatch(r"(\d+)([bkmg]?)b?", size.lower())
    return int(found[1]) << _SHIFT[found[2]] if found else None


def _filled(part: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {_filled(k, variables): _filled(v, variables) for k, v in part.items()}
    if isinstance(part, list):
        return [_filled(each, variables) for each in part]
    if not isinstance(part, str):
        return part

    def value(found: re.Match[str]) -> str:
        name, then, text = found.groups()
        return variables.get(name) or (text if then == "-" else "")

    return _VARIABLE.sub(value, part)
