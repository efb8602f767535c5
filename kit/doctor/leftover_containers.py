"""What interrupted trials left behind in the engine, and copies of the key made for it."""

from __future__ import annotations

import datetime
import shlex
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.doctor.engine import PROJECT_LABEL, Engine
from kit.doctor.finding import Finding, ok, warning
from kit.doctor.leftovers import KEY_PREFIX, SUBJECT, YOUNG_SECONDS, old_folders, running_commands
from kit.referee.workspace import PREFIX

_RUNNING = ("running", "paused", "restarting")


def containers(engine: Engine, now: float | None = None) -> Finding:
    """Look for containers and volumes of trials that have ended, and count those that run."""
    now = time.time() if now is None else now
    by_trial: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for container in engine.containers:
        by_trial[_project(container)].append(container)
    running = {trial for trial, own in by_trial.items() if any(map(_runs, own))}
    ended = [
        container["Names"][0].lstrip("/")
        for trial, own in by_trial.items()
        for container in own
        if trial.startswith(PREFIX)
        and trial not in running
        and now - container["Created"] > YOUNG_SECONDS
    ]
    volumes = [
        volume["Name"]
        for volume in engine.volumes
        if _project(volume).startswith(PREFIX)
        and _project(volume) not in running
        and now - _seconds(volume.get("CreatedAt")) > YOUNG_SECONDS
    ]
    if ended or volumes:
        kinds = {"containers": sorted(ended), "volumes": sorted(volumes)}
        text = " and ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)
        commands = [f"docker rm --force {' '.join(kinds['containers'])}"] if ended else []
        commands += [f"docker volume rm {' '.join(kinds['volumes'])}"] if volumes else []
        return warning(SUBJECT, f"of trials that have ended: {text}", " && ".join(commands))
    count = sum(trial.startswith(PREFIX) for trial in running)
    if count:
        trials = "a trial runs" if count == 1 else f"{count} trials run"
        return ok(SUBJECT, f"no containers of ended trials; {trials} in containers now")
    return ok(SUBJECT, "no containers of ended trials")


def keys(
    containers: Iterable[Mapping[str, Any]],
    roots: Sequence[Path] | None = None,
    commands: Iterable[Sequence[str]] | None = None,
) -> Finding:
    """Look for copies of the signing key that no trial uses any more."""
    found = old_folders(KEY_PREFIX, roots)
    mounted = "\0".join(
        str(mount.get("Source"))
        for container in containers
        if _runs(container)
        for mount in container.get("Mounts") or ()
    )
    found = [folder for folder in found if str(folder) not in mounted]
    # Which run made a folder is not written on it: while one lives, none is called a leftover.
    if found and any(map(_is_run, running_commands() if commands is None else commands)):
        found = []
    if not found:
        return ok(SUBJECT, "no copies of the signing key")
    names = shlex.join(map(str, found))
    return warning(
        SUBJECT, f"copies of the signing key of interrupted trials: {names}", f"rm -r {names}"
    )


def _is_run(command: Sequence[str]) -> bool:
    return any(Path(word).name == "kit" for word in command[:2]) and "run" in command


def _runs(container: Mapping[str, Any]) -> bool:
    return container["State"] in _RUNNING


def _project(thing: Mapping[str, Any]) -> str:
    return str((thing.get("Labels") or {}).get(PROJECT_LABEL, ""))


def _seconds(date: str | None) -> float:
    return datetime.datetime.fromisoformat(date).timestamp() if date else 0.0
