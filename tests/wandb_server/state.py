"""What the server remembers: projects, runs, artifacts and stored files."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any

HISTORY = "wandb-history.jsonl"
SUMMARY = "wandb-summary.json"
PENDING, COMMITTED = "PENDING", "COMMITTED"


def parse(text: str) -> Any:
    """Parse JSON as W&B does: NaN and infinities become strings."""
    return json.loads(text, parse_constant=str)


@dataclass
class Run:
    """A run. `name` is what the SDK calls its id."""

    entity: str
    project: str
    name: str
    number: int
    fields: dict[str, Any] = field(default_factory=dict)  # displayName, groupName, jobType, tags …
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, dict[int, str]] = field(default_factory=dict)  # by file, by line
    state: str = "running"
    exit_code: int | None = None

    @property
    def node_id(self) -> str:
        """Return the server's own name of it."""
        return f"run-{self.number}"

    @property
    def history(self) -> list[dict[str, Any]]:
        """Return the rows in the order of their lines."""
        return [parse(line) for _, line in sorted(self.lines.get(HISTORY, {}).items())]

    @property
    def values(self) -> dict[str, Any]:
        """Return the config without the SDK's own part."""
        return {k: v["value"] for k, v in self.config.items() if k != "_wandb"}


@dataclass
class Artifact:
    """A version of an artifact."""

    entity: str
    project: str
    collection: str
    type: str
    number: int
    digest: str
    version: int
    metadata: str | None = None
    description: str | None = None
    run: str | None = None
    state: str = PENDING
    aliases: set[str] = field(default_factory=set)
    manifest_key: str = ""  # of the stored file
    paths: dict[str, str] = field(default_factory=dict)  # path in the artifact -> key of the file

    @property
    def node_id(self) -> str:
        """Return the server's own name of it."""
        return f"artifact-{self.number}"


@dataclass
class State:
    """Everything; it outlives a server that is stopped and started again."""

    entity: str = "team"
    finds_same_content: bool = True  # a version with the same digest is not made twice
    runs: dict[tuple[str, str, str], Run] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)  # by node_id
    manifests: dict[str, str] = field(default_factory=dict)  # id -> artifact's node_id
    views: dict[str, dict[str, Any]] = field(default_factory=dict)  # reports
    stored: dict[str, bytes] = field(default_factory=dict)  # uploaded files by key
    lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        """Return a number that nothing else has."""
        return next(self._numbers)

    def run(self, entity: str, project: str, name: str) -> Run:
        """Return a run, made if it is new."""
        key = (entity or self.entity, project, name)
        if key not in self.runs:
            self.runs[key] = Run(*key, number=self.number())
        return self.runs[key]

    def versions(self, entity: str, project: str, collection: str) -> list[Artifact]:
        """Return the versions of an artifact that are committed, oldest first."""
        place = (entity, project, collection)
        return [
            artifact
            for artifact in self.artifacts.values()
            if (artifact.entity, artifact.project, artifact.collection) == place
            and artifact.state == COMMITTED
        ]

    def find(self, entity: str, project: str, name: str) -> Artifact | None:
        """Return the version that "collection:alias" names; without an alias the latest."""
        collection, _, alias = name.partition(":")
        for artifact in self.versions(entity, project, collection):
            if (alias or "latest") in (f"v{artifact.version}", *artifact.aliases):
                return artifact
        return None

    def files_of(self, artifact: Artifact) -> dict[str, bytes]:
        """Return the files of an artifact as they are stored, by path."""
        manifest = json.loads(self.stored[artifact.manifest_key])
        return {p: self.stored[artifact.paths[p]] for p in manifest["contents"]}
