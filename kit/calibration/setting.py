"""A setting that is given instead of tuned: of another calibration, or written by hand."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit.calibration.document import FORMAT
from kit.errors import InvalidFile
from kit.rules.hyperparameters import Point
from kit.rules.ruleset import Name
from kit.schema.strict_yaml import parse, read_bytes, shown
from kit.schema.validation import Schema, check

DOCUMENT = "calibration.json"


class _Written(Schema):
    """The form of a file with a setting."""

    submission: Name
    hyperparameters: Point


@dataclass(frozen=True)
class Setting:
    """A submission with one point, and in words where it comes from."""

    submission: str
    hyperparameters: dict[str, Any]
    source: str


def read_setting(path: Path) -> Setting:
    """Read a setting from a YAML file, a `calibration.json`, or the folder that holds one.

    Raises:
        InvalidFile: there is no such file, or it holds no setting.
    """
    file = path / DOCUMENT if path.is_dir() else path
    content = read_bytes(file)
    digest = hashlib.sha256(content).hexdigest()
    if file.suffix != ".json":
        written = check(_Written, parse(content, file), file)
        source = f"{file.name}, sha256 {digest}"
    else:
        found = _document(content, file)
        written = check(_Written, found["setting"], file)
        label = "_".join(filter(None, (found["workload"], found["variant"])))
        source = f"the calibration of {label}, {file.name} sha256 {digest}"
    return Setting(written.submission, dict(written.hyperparameters), source)


def _document(content: bytes, file: Path) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise InvalidFile(
            f"{shown(file)}: not what `kit calibrate` writes: the format must be {FORMAT!r}. Give "
            "the calibration.json of a finished calibration, or YAML with the keys submission and "
            "hyperparameters."
        )
    setting = found.get("setting")
    named = setting if isinstance(setting, dict) else {}
    wanted = {key: named.get(key) for key in ("submission", "hyperparameters")}
    return {
        "setting": wanted,
        "workload": str(found.get("workload")),
        "variant": found.get("variant"),
    }
