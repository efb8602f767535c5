"""A W&B project through W&B's own SDK: look at what is there, and send one run. All else is pure.

A run is sent in two sessions. The first replays the history and ends; the SDK drops what the server
has already (`resume="allow"` and explicit steps). The second sees where the server would go on, and
so that every row arrived (`finish` alone does not tell: after HTTP 400 for a row it returns as if
nothing were wrong), and only then commits the evidence. So a run with its evidence is complete, and
whatever was cut off before is taken up where it stands.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kit.errors import UploadFailed, VerificationError
from kit.mirror.bundle import Bundle
from kit.mirror.replay import X_AXIS, Replay
from kit.text import escape_line

if TYPE_CHECKING:
    import wandb

_PROGRAM = "kit upload"
_ENDED = "finished"


class Standing(StrEnum):
    """What is there of a run and its evidence."""

    MISSING = "missing"
    THERE = "there"  # every byte was read back
    UNFINISHED = "unfinished"  # the evidence is there; W&B shows the run as one that goes on
    DIFFERS = "differs"


@dataclass(frozen=True)
class Destination:
    """Where runs go, and how patiently."""

    entity: str
    project: str
    timeout_seconds: float
    offline: Path | None = None  # write runs into this folder, and send nothing
    api_key: str | None = field(default=None, repr=False)  # None: the SDK finds one


class Project:
    """A project that can be reached; `scratch` takes what the SDK writes to disk.

    Raises:
        UploadFailed: the server does not answer, or does not take the key.
    """

    def __init__(self, destination: Destination, scratch: Path) -> None:
        import wandb
        from wandb.errors import Error

        self._scratch = scratch
        try:
            self._api = wandb.Api(timeout=max(1, round(destination.timeout_seconds)))
            entity = destination.entity or self._api.default_entity or ""
        except Error as error:
            raise UploadFailed(f"W&B does not let us in: {one_line(error)}") from error
        self._to = replace(destination, entity=entity)

    def look(self, replay: Replay) -> tuple[Standing, str]:
        """Read a run's evidence back, byte by byte, and compare it; say what differs."""
        from wandb.errors import CommError

        bundle = replay.bundle
        name = f"{self._to.entity}/{self._to.project}/{bundle.name}:{bundle.alias}"
        try:
            artifact = self._api.artifact(name)
        except (CommError, ValueError):  # not there, or an answer that the SDK cannot use
            return Standing.MISSING, ""
        if artifact.state != "COMMITTED":
            return Standing.MISSING, ""
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            try:
                # Never from a cache: that would compare the files with themselves.
                artifact.download(root=folder, skip_cache=True)
            except Exception as error:  # noqa: BLE001  # whatever SDK and HTTP library raise
                return Standing.DIFFERS, f"it cannot be read back: {one_line(error)}"
            found = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in Path(folder).rglob("*")
                if path.is_file()
            }
        if difference := compare(bundle.files, found):
            return Standing.DIFFERS, difference
        state = self._state(replay)
        if state == _ENDED:
            return Standing.THERE, ""
        return Standing.UNFINISHED, f"W&B shows the run as {state}"

    def send(self, replay: Replay, *, evidence: bool = True) -> None:
        """Send a run, and its evidence if it is not there, from wherever an attempt was cut off.

        Raises:
            UploadFailed: the server lost a part of it.
            VerificationError: the server has rows that the record does not have.
            Exception: whatever the SDK raises when the server cannot be reached.
        """
        with self._session(replay) as run:
            log_history(run, replay)
        if not evidence:
            return
        with self._session(replay) as run:
            run.summary.update(dict(replay.summary))  # a session ends with the one it knows
            check_history(run.starting_step if run.resumed else 0, replay)
            artifact = as_artifact(replay.bundle, self._scratch)
            logged = run.log_artifact(artifact, aliases=[replay.bundle.alias])
            logged.wait(timeout=round(self._to.timeout_seconds))

    def _state(self, replay: Replay) -> str:
        """Return what W&B says of a run; one of which it does not tell is taken for ended."""
        self._api.flush()  # type: ignore[no-untyped-call]  # it keeps runs as it saw them before
        try:
            run = self._api.run(f"{self._to.entity}/{self._to.project}/{replay.run_id}")
            return str(run.state or _ENDED)
        except Exception:  # noqa: BLE001  # whatever the SDK makes of an answer that it cannot use
            return _ENDED

    def _session(self, replay: Replay) -> wandb.Run:
        return open_run(replay, self._to, self._scratch, mode="online")


def open_run(
    replay: Replay, to: Destination, folder: Path, *, mode: Literal["online", "offline"]
) -> wandb.Run:
    """Begin, or resume, a session of a run.

    Nothing of this machine is sent: no console, statistics, metadata, code, packages, host name.
    """
    import wandb

    settings = wandb.Settings(
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        disable_job_creation=True,
        ignore_globs=("*",),  # no files beside the evidence; config and summary go another way
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        host="stopwatch",
        program=_PROGRAM,
        init_timeout=to.timeout_seconds,
        finish_timeout=to.timeout_seconds,
        finish_timeout_raises=True,
    )
    run = wandb.init(
        entity=to.entity or None,
        project=to.project,
        id=replay.run_id,
        resume="allow" if mode == "online" else None,
        name=replay.name,
        group=replay.group,
        job_type=replay.job_type,
        tags=list(replay.tags),
        config=dict(replay.config),
        dir=str(folder),
        mode=mode,
        settings=settings,
    )
    run.define_metric(X_AXIS)
    for metric in ("train/*", "validation/*", "test/*", "step", "distance_from_initial"):
        run.define_metric(metric, step_metric=X_AXIS)
    for metric, best in replay.best.items():
        run.define_metric(metric, step_metric=X_AXIS, summary=f"{best},last")
    return run


def log_history(run: wandb.Run, replay: Replay) -> None:
    """Log every row under its number, unless the server has the last one, and the summary."""
    if run.starting_step <= len(replay.rows):
        for number, row in enumerate(replay.rows, start=1):
            run.log(dict(row), step=number)
    run.summary.update(dict(replay.summary))


def check_history(starting_step: int, replay: Replay) -> None:
    """Check that the server has the rows 1 to n of a run that was resumed, and would go on there.

    Raises:
        UploadFailed: it has fewer.
        VerificationError: it has more.
    """
    expected = len(replay.rows) + 1 if replay.rows else 0
    if starting_step > expected:
        raise VerificationError(
            f"Run {replay.run_id} at W&B goes on at step {starting_step}, but its record has "
            f"{len(replay.rows)} evaluations: somebody logged to it, or two machines sent it at "
            "the same moment. Delete the run there, then repeat."
        )
    if starting_step < expected:
        raise UploadFailed(
            f"Run {replay.run_id} at W&B goes on at step {starting_step} of {expected}: not all "
            "evaluations arrived. Repeat the upload; it goes on there."
        )


def as_artifact(bundle: Bundle, scratch: Path) -> wandb.Artifact:
    """Return a bundle as the SDK wants it; its files are copied below `scratch`."""
    import wandb

    artifact = wandb.Artifact(
        bundle.name, bundle.type, description=bundle.description, metadata=dict(bundle.metadata)
    )
    folder = scratch / "evidence" / f"{bundle.name}-{bundle.alias}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in bundle.files.items():
        (folder / name).write_bytes(content)
        artifact.add_file(str(folder / name), name, policy="immutable", skip_cache=True)
    return artifact


def compare(sent: Mapping[str, bytes], found: Mapping[str, bytes]) -> str:
    """Say where the files at W&B differ from those that were sent; empty where nowhere."""
    for name in sorted(sent.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in sent:
            return f"{name} was added"
        if (digest := _sha256(found[name])) != (expected := _sha256(sent[name])):
            return f"the sha256 of {name} is {digest}, the signed one {expected}"
    return ""


def one_line(error: BaseException) -> str:
    """Return an error of the SDK on one line of bounded length."""
    return escape_line(" ".join(str(error).split())[:300]) or type(error).__name__


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
