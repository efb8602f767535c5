"""How a trainer is shut in: bubblewrap where it works, a plain process otherwise.

The sandbox starts from nothing and shows only what training needs: system libraries, the Python
environment, the kit, the workloads and the training split, all read-only; the exchange directory
and an empty scratch directory, writable. There is no network, and no other process can be seen.
Source: bwrap(1).
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kit import paths
from kit.errors import NotAvailable, UsageError
from kit.referee.hidden import hidden_paths
from kit.trainer import seccomp
from kit.trainer.environment import environment

Isolation = Literal["bubblewrap", "process"]  # the levels that launch a trainer here

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/sys")
_CONFIGURATION = (
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
)
# Started by root, bwrap would keep all capabilities, with which a sandbox can thaw itself.
_CONFINED = ("--unshare-all", "--die-with-parent", "--cap-drop", "ALL")
_SCRATCH = "/tmp"
_EXCHANGE = "/exchange"
_SUBMISSION = "/submission"
_EXTRAS = "/extras"


@dataclass(frozen=True)
class TrainerFolders:
    """The folders of one trial, as the referee sees them."""

    exchange: Path
    scratch: Path
    submission: Path
    training_data: Path
    extras: Path | None = None  # the submission's extra packages
    training_source: Path | None = None  # what is seen as `training_data`, if it is not that folder


@dataclass(frozen=True)
class Launch:
    """The command line and environment of a trainer."""

    command: list[str]
    environment: dict[str, str]
    working_directory: Path
    bubblewrap_filter: bytes | None = None  # of system calls


@functools.cache
def bubblewrap_problem() -> str | None:
    """Return why bubblewrap cannot be used here, or None when it works (it is tried)."""
    program = shutil.which("bwrap")
    if program is None:
        return "bwrap is not installed (Debian and Ubuntu: apt-get install bubblewrap)"
    command = [program, *_CONFINED, "--ro-bind", "/", "/", "true"]
    trial = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if trial.returncode == 0:
        return None
    reason = " ".join(trial.stderr.split()) or f"exit status {trial.returncode}"
    return f"bwrap does not work on this machine: {reason}"


def choose(requested: str) -> tuple[Isolation, str | None]:
    """Return the isolation level to use, and a remark when it is weaker than it could be.

    Raises:
        NotAvailable: bubblewrap was asked for and does not work.
        UsageError: there is no such level.
    """
    if requested not in ("auto", "bubblewrap", "process"):
        raise UsageError(
            f"Unknown isolation {requested!r}. Choose one of: auto, bubblewrap, process. "
            f"Received: --isolation={requested}."
        )
    problem = None if requested == "process" else bubblewrap_problem()
    if requested == "bubblewrap" and problem:
        raise NotAvailable(f"Isolation 'bubblewrap' cannot be used: {problem}.")
    if requested != "process" and not problem:
        return "bubblewrap", None
    remark = f" ({problem})" if problem else ""
    return "process", f"isolation is 'process'{remark}: files and network are open to the trainer"


def launch(isolation: Isolation, folders: TrainerFolders) -> Launch:
    """Return how to start `kit.trainer` under `isolation`."""
    if isolation == "process":
        filtered = [sys.executable, "-P", "-s", "-m", "kit.trainer.seccomp"]
        command = _python(str(folders.exchange), str(folders.submission), folders.extras)
        command, scratch, source = [*filtered, *command], folders.scratch, folders.training_source
        data_root = paths.data_root() if source is None else source.parents[2]
        return Launch(command, environment(str(scratch), data_root), working_directory=scratch)
    extras = None if folders.extras is None else Path(_EXTRAS)
    return Launch(
        ["bwrap", *_sandbox(folders), "--", *_python(_EXCHANGE, _SUBMISSION, extras)],
        environment(_SCRATCH, paths.data_root()),
        working_directory=Path("/"),
        bubblewrap_filter=seccomp.program(),
    )


def _python(exchange: str, submission: str, extras: Path | None) -> list[str]:
    last = [] if extras is None else [str(extras)]
    return [sys.executable, "-P", "-s", "-m", "kit.trainer", exchange, submission, *last]


def _sandbox(folders: TrainerFolders) -> list[str]:
    arguments = [*_CONFINED, "--new-session", "--proc", "/proc", "--dev", "/dev"]
    # First, because a later mount hides what lies below it: the project may itself be in /tmp.
    arguments += ["--bind", str(folders.scratch), _SCRATCH]
    for path in (*_SYSTEM, *_CONFIGURATION):
        arguments += ["--ro-bind-try", path, path]
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    mounts = {prefix: ["--ro-bind", str(prefix)] for prefix in prefixes}
    for hidden in hidden_paths([*map(Path, _SYSTEM), *prefixes]):
        mounts.setdefault(hidden, ["--tmpfs"] if hidden.is_dir() else ["--ro-bind", "/dev/null"])
    for target in sorted(mounts):  # outer ones first: an environment may be in a hidden folder
        arguments += [*mounts[target], str(target)]
    for folder in (paths.PROJECT / "kit", paths.WORKLOADS):
        arguments += ["--ro-bind", str(folder), str(folder)]
    for device in sorted(Path("/dev").glob("nvidia*")):
        arguments += ["--dev-bind", str(device), str(device)]
    if folders.training_data.exists():
        source = folders.training_source or folders.training_data
        arguments += ["--ro-bind", str(source), str(folders.training_data)]
    arguments += ["--ro-bind", str(folders.submission), _SUBMISSION]
    if folders.extras is not None:
        arguments += ["--ro-bind", str(folders.extras), _EXTRAS]
    arguments += ["--bind", str(folders.exchange), _EXCHANGE]
    arguments += ["--remount-ro", "/", "--chdir", _SCRATCH]
    return arguments
