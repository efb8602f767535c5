"""Whether the containers are shut in as `docker-compose.yml` says, read from the kernel.

A result says `container` only if this holds: a compose file that was loosened is noticed here, or
by `kit.referee.surroundings`.
Source: proc(5), capabilities(7).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kit.errors import TrialError
from kit.referee import policy
from kit.trainer import seccomp

EVIDENCE = Path("/run/secrets/inspection.json")
_EVIDENCE_SECONDS = 120.0
_POLL_SECONDS = 0.05
_CAP_KILL = 1 << 5
_SEES_ONLY_ITSELF = {"lo"}
_SECCOMP_FILTER = "2"
_FILTERS = 1 if seccomp.program() is None else 2  # the engine's, and the kit's


def engine_evidence(wait_seconds: float = _EVIDENCE_SECONDS) -> Mapping[str, Any] | None:
    """Return what `kit run` found when it compared both containers with the committed file.

    It writes to a file that is mounted empty. None where there is none: compose was used by hand.

    Raises:
        TrialError: the evidence does not come, or is about other containers or another file.
    """
    if not EVIDENCE.is_file():
        return None
    deadline = time.monotonic() + wait_seconds
    while not (text := EVIDENCE.read_text(encoding="utf-8")).endswith("\n"):
        if time.monotonic() > deadline:
            raise TrialError(
                f"No one inspected the containers within {wait_seconds:.0f} s: kit run --engine "
                "docker has ended. Repeat the trial."
            )
        time.sleep(_POLL_SECONDS)
    evidence: dict[str, Any] = json.loads(text)
    refuse(
        {
            "the container that was inspected is not this one": evidence["referee"][:12]
            != socket.gethostname(),
            "the containers were compared with another file than the image's": evidence[
                "policy_sha256"
            ]
            != policy.digest(),
        }
    )
    return evidence


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
    user, group = policy.rendered(os.environ)["services"]["trainer"]["user"].split(":")
    for status in statuses:
        groups = {*status.get("Gid", "0").split(), *status.get("Groups", "").split()}
        wrong |= {
            f"the trainer is not user {user} alone": {*status.get("Uid", "").split()} != {user},
            f"the trainer is not in group {group} alone": groups != {group},
            "the trainer has capabilities": _capabilities(status) != {0},
            "the trainer can gain privileges": status.get("NoNewPrivs") != "1",
            "the trainer's system calls are not filtered": status.get("Seccomp") != _SECCOMP_FILTER,
            "the trainer's system calls pass only one filter, not the engine's and the kit's": int(
                status.get("Seccomp_filters", _FILTERS)  # kernels before 5.9 do not count them
            )
            < _FILTERS,
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
