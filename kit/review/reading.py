"""Reads a W&B project through W&B's own SDK. Everything after this is without a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.errors import KitError, UsageError, VerificationError
from kit.mirror.project import one_line
from kit.review.copies import LIMITS_BYTES, Copies, RunCopy
from kit.review.download import fetch

if TYPE_CHECKING:
    import wandb

Tell = Callable[[str, int, int | None], None]  # a stage, how much of it is done, of how much
_TRIAL = "trial"  # the job type whose runs have a history
_MANY_ROWS = 10_000


@dataclass(frozen=True)
class Address:
    """A project at W&B, and how patiently to ask for it."""

    entity: str
    project: str
    timeout_seconds: float = 60.0
    api_key: str | None = field(default=None, repr=False)  # None: the SDK finds one

    def __str__(self) -> str:
        return f"{self.entity}/{self.project}"


def read_project(address: Address, folder: Path, *, tell: Tell) -> Copies:
    """Read all runs and download all evidence of a project below `folder`; `tell` hears how far.

    Raises:
        UsageError: there is no such project, or it is not for this key.
        VerificationError: the server does not answer.
        TrialError: `folder` cannot be written.
    """
    os.environ.setdefault("WANDB_SILENT", "true")  # before the import: progress is ours to show
    import wandb

    try:
        api = wandb.Api(timeout=max(1, round(address.timeout_seconds)), api_key=address.api_key)
        runs = _runs(api, address, tell)
        versions = []
        for number, artifact in enumerate(_artifacts(api, address), start=1):
            versions.append(fetch(artifact, folder))
            tell("evidence", number, None)
    except KitError:
        raise
    except Exception as error:  # whatever SDK and HTTP library raise
        raise VerificationError(
            f"W&B does not answer for {address}: {one_line(error)}. Repeat: what was downloaded is "
            "kept."
        ) from error
    return Copies(tuple(runs), tuple(versions))


def _runs(api: wandb.Api, address: Address, tell: Tell) -> list[RunCopy]:
    """Copy all runs one by one, so that one that cannot be read does not hide the others."""
    runs = api.runs(str(address), lazy=True)
    try:
        count = len(runs)
    except ValueError as error:  # what the SDK raises for a project that is not there
        raise UsageError(
            f"W&B shows no project {address} to this key: {one_line(error)}. Check the name, and "
            "`wandb login`."
        ) from None
    found: list[RunCopy] = []
    for run in runs:
        found.append(_run(run))
        tell("runs", len(found), count)
    return found


def _run(run: Any) -> RunCopy:
    try:
        return RunCopy(
            run_id=run.id,
            name=run.name or "",
            group=run.group,
            job_type=run.job_type,
            tags=tuple(run.tags or ()),
            config=dict(run.config),
            summary=_plain(run.summary),
            rows=_rows(run) if run.job_type == _TRIAL else (),
        )
    except Exception as error:
        if not _is_about_content(error):
            raise
        return RunCopy(run_id=run.id, problem=one_line(error))


def _is_about_content(error: BaseException | None) -> bool:
    """Tell whether the SDK failed on what it received; otherwise the connection is to blame."""
    while error is not None:
        if isinstance(error, ValueError | TypeError | LookupError | AttributeError):
            return not isinstance(error, OSError)
        error = getattr(error, "exc", None) or error.__cause__ or error.__context__
    return False


def _rows(run: Any) -> tuple[Mapping[str, Any], ...]:
    """Return a run's history; a server that tells no last step is asked for many rows at once."""
    try:
        rows = tuple(run.scan_history(use_cache=False))
    except Exception:  # noqa: BLE001  # such a server; of a lost connection the next line tells
        rows = ()
    rows = rows or tuple(run.history(samples=_MANY_ROWS, pandas=False))
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {number} of the history is {row!r}, not an object")
    return rows


def _plain(summary: Any) -> Mapping[str, Any]:
    return {key: dict(v) if hasattr(v, "items") else v for key, v in summary.items()}


def _artifacts(api: wandb.Api, address: Address) -> Iterator[wandb.Artifact]:
    for kind in LIMITS_BYTES:
        try:
            collections = [c.name for c in api.artifact_collections(str(address), kind)]
        except ValueError:  # nothing of this type
            continue
        for name in collections:
            yield from api.artifacts(kind, f"{address}/{name}")
