"""Whether the containers are shut in as `docker-compose.yml` says, read from the kernel.

A result says `container` only if this holds: a compose file that was loosened is noticed here, or
by `kit.referee.surroundings`.
Source: proc(5), capabilities(7).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from kit.errors import TrialError

_CAP_KILL = 1 << 5
_SEES_ONLY_ITSELF = {"lo"}
_SECCOMP_FILTER = "2"


def referee_facts() -> Mapping[str, object]:
    """Return what shuts this referee in.

    Raises:
        TrialError: something is open, or missing, that `docker-compose.yml` arranges.
    """
    status = _status(os.getpid())
    networks = {line.split(":")[0].strip() for line in _lines("/proc/net/dev")[2:]}
    wrong = {
        "the referee is not uid 0, which alone can keep the capability KILL": os.getuid() != 0,
        "the referee has other capabilities than KILL": _capabilities(status) != {_CAP_KILL},
        "the referee can gain privileges": status.get("NoNewPrivs") != "1",
        "the referee's root file system can be written": not _is_read_only("/"),
        "the referee has a network": networks != _SEES_ONLY_ITSELF,
        "the referee is process 1 of its container (init: true is missing)": os.getpid() == 1,
    }
    refuse(wrong)
    return _shown(status)


def trainer_facts(pids: Collection[int]) -> Mapping[str, object]:
    """Return what shuts in the trainer's processes, of which there must be one.

    Raises:
        TrialError: something is open that `docker-compose.yml` keeps shut.
    """
    statuses = [status for pid in sorted(pids) if (status := _status(pid))]
    wrong = {
        "the trainer's processes cannot be seen (pid: service:referee is missing)": not statuses
    }
    for status in statuses:
        wrong |= {
            "the trainer runs as root": "0" in status.get("Uid", "0").split(),
            "the trainer has capabilities": _capabilities(status) != {0},
            "the trainer can gain privileges": status.get("NoNewPrivs") != "1",
            "the trainer's system calls are not filtered": status.get("Seccomp") != _SECCOMP_FILTER,
        }
        refuse(wrong)
    refuse(wrong)
    return _shown(statuses[0])


def refuse(wrong: Mapping[str, bool]) -> None:
    """Refuse to go on when something is wrong.

    Raises:
        TrialError: the sentences that are true.
    """
    found = [text for text, is_so in wrong.items() if is_so]
    if found:
        raise TrialError(
            f"This is not the isolation that docker-compose.yml arranges: {'; '.join(found)}. "
            "Restore that file (git checkout docker-compose.yml) and use: kit run --engine docker."
        )


def _capabilities(status: Mapping[str, str]) -> set[int]:
    """Return the capabilities that a process has, and those that it could still get."""
    return {int(status.get(name, "-1"), 16) for name in ("CapPrm", "CapEff", "CapBnd")}


def _shown(status: Mapping[str, str]) -> Mapping[str, object]:
    names = ("Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")
    return {name: " ".join(status.get(name, "").split()) for name in names}


def _status(pid: int) -> dict[str, str]:
    pairs = (line.partition(":") for line in _lines(f"/proc/{pid}/status"))
    return {name: value.strip() for name, _, value in pairs}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
