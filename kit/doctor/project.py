"""The user's key and data, and what interrupted trials left behind."""

from __future__ import annotations

import shlex
import stat
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil
import yaml

from kit import paths, registry
from kit.data import DataStatus, status
from kit.doctor.finding import Finding, ok, warning
from kit.errors import KitError
from kit.records.signing import DEVELOPMENT, keys_folder
from kit.referee.workspace import PREFIX

YOUNG_SECONDS = 60.0
_TRAINER = ("-m", "kit.trainer")
_MINI = "mini"


def signing_key(config: Path | None = None) -> Finding:
    """Check that there is a key, and that nobody else can read any."""
    subject = "Signing key"
    folder = keys_folder(config or paths.config_root())
    keys = sorted(folder.glob("*.pem"))
    if not keys:
        return ok(subject, "none yet: the first trial makes a development key")
    exposed = [key for key in keys if stat.S_IMODE(key.stat().st_mode) & 0o077]
    if exposed:
        names = " ".join(shlex.quote(str(key)) for key in exposed)
        return warning(subject, f"others can read {names}", f"chmod 600 {names}")
    kinds = ", ".join("development key" if k.stem == DEVELOPMENT else k.stem for k in keys)
    return ok(subject, f"{kinds} in {folder}, readable by you alone")


def data() -> Finding:
    """Check the data of every workload of the mini ruleset."""
    states = {name: _data_state(name) for name in registry.workload_names()}
    damaged = [name for name, state in states.items() if state is DataStatus.DAMAGED]
    if damaged:
        return warning(
            "Data", f"damaged: {', '.join(damaged)}", f"kit data prepare {' '.join(damaged)}"
        )
    prepared = [name for name, state in states.items() if state is DataStatus.PREPARED]
    absent = [name for name, state in states.items() if state is DataStatus.ABSENT]
    parts = [f"prepared: {', '.join(prepared) or 'none'}"]
    if absent:
        parts.append(f"prepared on first use: {', '.join(absent)}")
    return ok("Data", "; ".join(parts))


def _data_state(workload: str) -> DataStatus:
    try:
        return status(workload, _MINI)
    except (KitError, yaml.YAMLError, OSError):
        return DataStatus.IMPOSSIBLE


def leftover_trainers(processes: Iterable[psutil.Process] | None = None) -> Finding:
    """Look for trainers whose referee is gone; a frozen one keeps its memory for ever."""
    found = []
    for process in psutil.process_iter() if processes is None else processes:
        try:
            if _is_trainer(process.cmdline()) and not _has_referee(process):
                found.append(f"{process.pid} ({process.status()})")
        except psutil.Error:  # gone meanwhile, or somebody else's
            continue
    if not found:
        return ok("Leftovers", "no trainer without a referee")
    pids = " ".join(entry.split()[0] for entry in found)
    return warning(
        "Leftovers", f"trainers without a referee: {', '.join(found)}", f"kill -KILL {pids}"
    )


def _is_trainer(command: Sequence[str]) -> bool:
    return any(tuple(command[i : i + 2]) == _TRAINER for i in range(len(command)))


def _has_referee(process: psutil.Process) -> bool:
    """Tell whether an ancestor is a Python program other than a trainer."""
    for ancestor in process.parents():
        command = ancestor.cmdline()
        program = Path(command[0]).name if command else ""
        if program.startswith("python") and not _is_trainer(command):
            return True
    return False


def leftover_folders(
    roots: Sequence[Path] | None = None, commands: Iterable[Sequence[str]] | None = None
) -> Finding:
    """Look for temporary folders of trials that no running trainer uses."""
    roots = (Path("/dev/shm"), Path(tempfile.gettempdir())) if roots is None else roots
    folders = [
        folder
        for root in roots
        for folder in root.glob(f"{PREFIX}*")
        if folder.is_dir() and time.time() - folder.stat().st_mtime > YOUNG_SECONDS
    ]
    if folders:
        used = "\0".join(word for command in commands or _commands() for word in command)
        folders = [folder for folder in folders if str(folder) not in used]
    if not folders:
        return ok("Leftovers", "no folders of interrupted trials")
    names = " ".join(shlex.quote(str(folder)) for folder in folders)
    return warning("Leftovers", f"folders of interrupted trials: {names}", f"rm -r {names}")


def _commands() -> Iterable[Sequence[str]]:
    for process in psutil.process_iter():
        try:
            yield process.cmdline()
        except psutil.Error:
            continue
