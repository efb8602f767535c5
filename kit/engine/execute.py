"""Carry out a trial request where it says: in processes of this machine, or in containers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from kit import paths
from kit.data import is_prepared, prepare
from kit.data.progress import Progress
from kit.engine import compose
from kit.engine.extras import installed
from kit.engine.image import is_current, tag
from kit.errors import UsageError
from kit.planning.request import TrialRequest, open_request
from kit.referee.events import Observer, Outcome

Preparing = Callable[[str], contextlib.AbstractContextManager[Progress]]


def definite_engine(
    asked: str, isolation: str, note: Callable[[str], None]
) -> Literal["local", "docker"]:
    """Return the engine for trials; `auto` is containers if an engine answers.

    Raises:
        UsageError: an isolation of this machine was asked for, and containers.
    """
    if asked == "local":
        return "local"
    if isolation != "auto":
        option = "--inline" if isolation == "inline" else f"--isolation {isolation}"
        raise UsageError(
            f"{option} is for processes of this machine; containers have their own isolation. "
            f"Leave it out, or choose --engine local. Received: --engine={asked}."
        )
    problem = compose.problem() if asked == "auto" else None
    if problem is None:
        return "docker"
    note(f"engine: local, because containers cannot be used: {problem}")
    return "local"


def build_image(device: str, note: Callable[[str], None]) -> None:
    """Build the image for a device, unless it holds what this checkout holds."""
    base = os.environ.get("BASE_IMAGE") or None
    if not is_current(tag(device), base):
        from kit.engine.build import build

        note(f"building the image {tag(device)}")
        build(device, base)


def made_ready(
    request: TrialRequest, *, preparing: Preparing, announce: Callable[[str], None]
) -> Path | None:
    """Prepare the data of a trial and install its extra packages; return their folder.

    Args:
        request: of the trial; in a container, its host has prepared everything.
        preparing: shows the preparation of a workload's data.
        announce: is told at once when packages are downloaded.

    Raises:
        KitError: data or packages cannot be had, or the request does not match the files.
    """
    if request.execution.isolation == "container":
        return None
    plan = open_request(request)
    workload, scale = request.id.workload, plan.ruleset.scale
    if not is_prepared(workload, scale):
        with preparing(workload) as progress:
            prepare(workload, scale, progress=progress)
    return installed(plan.submission.extra_requirements, paths.cache_root(), announce=announce)


def execute(
    request: TrialRequest, *, config: Path, observer: Observer, extras: Path | None = None
) -> Outcome:
    """Run one trial, for which everything was made ready, to its signed record.

    Args:
        request: what runs, and where.
        config: the folder of keys.
        observer: is told how the trial goes on.
        extras: folder of the submission's extra packages.

    Raises:
        KitError: the trial could not be started or recorded.
    """
    plan = open_request(request)
    if request.execution.engine == "docker":
        from kit.engine.settings import Settings
        from kit.engine.trial import run_in_containers

        settings = Settings(config=config, extras=extras)
        return run_in_containers(plan, settings, observer=observer)
    from kit.referee.trial import run_trial

    return run_trial(plan, config=config, observer=observer, extras=extras)
