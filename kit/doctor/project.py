"""The user's key and data."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import yaml

from kit import paths, registry
from kit.data import DataStatus, status
from kit.data.definition import data_definition
from kit.data.prepared import prepared_bytes, problems, scale_folder
from kit.doctor.finding import Finding, error, ok, warning, what_and_fix
from kit.errors import KitError
from kit.records.signing import DEVELOPMENT, keys_folder, load_or_create_key

CHECKED_BYTES = 1 << 30  # read in full, as the referee does before each trial
_MINI = "mini"
_SHOWN_DIGITS = 16


def signing_key(config: Path | None = None) -> Finding:
    """Say which key would sign, and check that it works and that nobody else can read any."""
    subject = "Signing key"
    config = config or paths.config_root()
    folder = keys_folder(config)
    name = os.environ.get("STOPWATCH_KEY") or DEVELOPMENT
    mounted = os.environ.get("STOPWATCH_KEY_FILE")
    chosen = folder / f"{name}.pem"
    exposed = [
        key for key in sorted(folder.glob("*.pem")) if stat.S_IMODE(key.stat().st_mode) & 0o077
    ]
    if exposed:
        names = shlex.join(map(str, exposed))
        answer = error if chosen in exposed and not mounted else warning
        return answer(subject, f"others can read {names}", f"chmod 600 {names}")
    if not mounted and not chosen.exists():
        if name == DEVELOPMENT:
            return ok(subject, "none yet: the first trial makes a development key")
        return error(
            subject,
            f"STOPWATCH_KEY={name}: there is no key of that name in {folder}",
            f"kit keys init --name {name}, or unset STOPWATCH_KEY",
        )
    try:
        key = load_or_create_key(config)
    except KitError as problem:
        return error(subject, *what_and_fix(problem))
    text = f"{key.name} {key.public.hex[:_SHOWN_DIGITS]}… signs"
    if mounted:
        return ok(subject, f"{text}; it is {mounted} (STOPWATCH_KEY_FILE)")
    chosen_by = " (STOPWATCH_KEY)" if os.environ.get("STOPWATCH_KEY") else ""
    return ok(subject, f"{text}{chosen_by}; all in {folder} are readable by you alone")


def data(checked_bytes: int = CHECKED_BYTES) -> Finding:
    """Check the data of the mini ruleset and whatever else is prepared: small data in full."""
    damaged: dict[str, str] = {}  # command that mends -> what is wrong
    read: list[str] = []
    sized: list[str] = []
    absent: list[str] = []
    for workload, scale in _data_sets():
        label = workload if scale == _MINI else f"{workload} ({scale})"
        try:
            state = status(workload, scale)
            if state is DataStatus.ABSENT:
                absent.append(label)
            elif state is not DataStatus.IMPOSSIBLE:
                is_small = prepared_bytes(workload, scale) <= checked_bytes
                definition = data_definition(workload, scale)
                if found := problems(definition, read_everything=is_small):
                    damaged[definition.command] = f"{label}: {found[0]}"
                else:
                    (read if is_small else sized).append(label)
        except (KitError, yaml.YAMLError, OSError):
            continue  # no definition, no data: `kit show` tells what is wrong with the workload
    if damaged:
        return warning("Data", f"damaged: {'; '.join(damaged.values())}", " && ".join(damaged))
    parts = [f"every byte verified: {', '.join(read) or 'none'}"]
    if sized:
        parts.append(f"by size alone (to read them: kit data verify): {', '.join(sized)}")
    if absent:
        parts.append(f"prepared on first use: {', '.join(absent)}")
    return ok("Data", "; ".join(parts))


def _data_sets() -> Iterator[tuple[str, str]]:
    """Yield workload and scale: mini of every workload, larger ones where there is something."""
    for workload in registry.workload_names():
        yield workload, _MINI
        folder = scale_folder(workload, _MINI).parent
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() and path.name != _MINI:
                yield workload, path.name
