"""What interrupted trials left behind outside containers: processes and folders."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from kit.doctor.finding import Finding, ok, warning
from kit.referee.workspace import PREFIX

YOUNG_SECONDS = 60.0
KEY_PREFIX = f"{PREFIX}key-"  # a copy of the key for the referee's container: judged elsewhere
# Locks and scratch of uploads: no command line tells that a running one uses them.
UPLOAD_PREFIX = f"{PREFIX}upload"
SUBJECT = "Leftovers"
_TRAINER = ("-m", "kit.trainer")


def trainers(processes: Iterable[psutil.Process] | None = None) -> Finding:
    """Look for trainers whose referee is gone; a frozen one keeps its memory for ever."""
    found = []
    for process in psutil.process_iter() if processes is None else processes:
        try:
            if _is_trainer(process.cmdline()) and not _has_referee(process):
                found.append(f"{process.pid} ({process.status()})")
        except psutil.Error:  # gone meanwhile, or somebody else's
            continue
    if not found:
        return ok(SUBJECT, "no trainer without a referee")
    pids = " ".join(entry.split()[0] for entry in found)
    return warning(SUBJECT, f"trainers without a referee: {', '.join(found)}", f"kill -KILL {pids}")


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


def folders(
    roots: Sequence[Path] | None = None, commands: Iterable[Sequence[str]] | None = None
) -> Finding:
    """Look for temporary folders of trials that no running trainer uses."""
    found = [
        folder
        for folder in old_folders(PREFIX, roots)
        if not folder.name.startswith((KEY_PREFIX, UPLOAD_PREFIX))
    ]
    if found:
        running = running_commands() if commands is None else commands
        used = "\0".join(word for command in running for word in command)
        found = [folder for folder in found if str(folder) not in used]
    if not found:
        return ok(SUBJECT, "no folders of interrupted trials")
    names = shlex.join(map(str, found))
    return warning(SUBJECT, f"folders of interrupted trials: {names}", f"rm -r {names}")


def old_folders(prefix: str, roots: Sequence[Path] | None = None) -> list[Path]:
    """Return temporary folders that begin with `prefix`; a young one is still being set up."""
    roots = (Path("/dev/shm"), Path(tempfile.gettempdir())) if roots is None else roots
    return [
        folder
        for root in roots
        for folder in sorted(root.glob(f"{prefix}*"))
        if folder.is_dir() and time.time() - folder.stat().st_mtime > YOUNG_SECONDS
    ]


def running_commands() -> Iterable[Sequence[str]]:
    """Yield the command line of every process that this user may see."""
    for process in psutil.process_iter():
        try:
            yield process.cmdline()
        except psutil.Error:
            continue
