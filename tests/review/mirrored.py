"""A stand-in server's state as an upload leaves it, without the minutes that uploads take.

`test_real_upload.py` shows that a real upload leaves the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from kit.mirror.bundle import Bundle
from kit.mirror.plan import plan_upload
from kit.mirror.replay import Replay
from kit.review.compare import as_shown
from kit.review.copies import Copies, RunCopy, VersionCopy
from tests.records.factory import Results
from tests.wandb_server import Artifact, Run, State
from tests.wandb_server.state import COMMITTED, HISTORY

ENTITY, PROJECT = "team", "stopwatch"


def mirror(results: Results, state: State) -> None:
    """Put everything that `kit upload` sends of `results` into `state`."""
    for task in plan_upload([results.root]).tasks:
        replay = task.make()
        put_run(replay, state)
        put_artifact(replay.bundle, state)


def copies_of(state: State, folder: Path) -> Copies:
    """Return what the SDK would read of `state`, without it; files are written below `folder`."""
    runs = [
        RunCopy(
            run.name,
            run.fields.get("displayName", ""),
            run.fields.get("groupName"),
            run.fields.get("jobType"),
            tuple(run.fields.get("tags", ())),
            run.values,
            run.summary,
            tuple(run.history),
        )
        for run in state.runs.values()
    ]
    return Copies(tuple(runs), tuple(_version(a, state, folder) for a in state.artifacts.values()))


def _version(artifact: Artifact, state: State, folder: Path) -> VersionCopy:
    place, problem = folder / artifact.node_id, ""
    place.mkdir(parents=True, exist_ok=True)
    try:
        for name, content in state.files_of(artifact).items():
            (place / name).write_bytes(content)
    except KeyError:
        problem = "cannot be downloaded: 404"
    return VersionCopy(
        artifact.collection,
        artifact.type,
        artifact.version,
        frozenset(artifact.aliases),
        artifact.created_at,
        None if problem else place,
        problem,
    )


def put_run(replay: Replay, state: State) -> Run:
    """Put a run as it looks when it has ended."""
    run = state.run(ENTITY, PROJECT, replay.run_id)
    run.fields = {
        "displayName": replay.name,
        "groupName": replay.group,
        "jobType": replay.job_type,
        "tags": list(replay.tags),
    }
    run.config = {key: {"value": as_shown(value)} for key, value in replay.config.items()}
    rows = [as_shown(row) | {"_step": n} for n, row in enumerate(replay.rows, start=1)]
    run.lines[HISTORY] = {n: json.dumps(row) for n, row in enumerate(rows)}
    run.summary = {**(rows[-1] if rows else {}), **as_shown(replay.summary)}
    for metric, best in replay.best.items():
        values = [row[metric] for row in replay.rows]
        if values:
            choose = min if best == "min" else max
            run.summary[metric] = {"last": values[-1], best: choose(values)}
    run.state = "finished"
    return run


def put_artifact(
    bundle: Bundle, state: State, *, created_at: str | None = None, **changes: bytes
) -> Artifact:
    """Put a committed version; `changes` replace files by name, dots as underscores."""
    files = {name: changes.get(name.replace(".", "_"), c) for name, c in bundle.files.items()}
    digest = hashlib.md5(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()
    number = state.number()
    versions = state.versions(ENTITY, PROJECT, bundle.name)
    artifact = Artifact(
        ENTITY,
        PROJECT,
        bundle.name,
        bundle.type,
        number=number,
        digest=digest,
        version=len(versions),
        metadata=json.dumps(dict(bundle.metadata)),
        state=COMMITTED,
        aliases={bundle.alias, "latest"},
    )
    for other in versions:
        other.aliases -= artifact.aliases
    artifact.created_at = created_at or datetime.now(UTC).isoformat()
    state.artifacts[artifact.node_id] = artifact
    for name, content in files.items():
        add_file(artifact, state, name, content)
    return artifact


def add_file(artifact: Artifact, state: State, name: str, content: bytes, **fields: object) -> None:
    """Add a file to a version, and to its list of contents."""
    artifact.manifest_key = f"{artifact.node_id}/manifest.json"
    empty = {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": {"storageLayout": "V2"},
        "contents": {},
    }
    manifest = json.loads(state.stored.get(artifact.manifest_key, json.dumps(empty)))
    digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    entry = {"digest": digest, "size": len(content), "birthArtifactID": artifact.node_id}
    manifest["contents"][name] = entry | fields
    state.stored[artifact.manifest_key] = json.dumps(manifest).encode()
    artifact.paths[name] = f"{artifact.node_id}/files/{name}"
    state.stored[artifact.paths[name]] = content
