"""GraphQL that lists artifacts, and the server's clock: what a reviewer asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.wandb_server.artifact_operations import artifact_node
from tests.wandb_server.artifact_operations import create_artifact as create_without_clock
from tests.wandb_server.operations import NO_MORE, WHEN, Answer, answers, in_project, project_node
from tests.wandb_server.state import Artifact, State


@answers("CreateArtifact")
def create_artifact(state: State, given: dict[str, Any], url: str) -> Answer:
    """Make a version as always, and remember when."""
    answer = create_without_clock(state, given, url)
    artifact = state.artifacts[answer["createArtifact"]["artifact"]["id"]]
    if not hasattr(artifact, "created_at"):
        artifact.created_at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return answer


@answers("ArtifactTypeArtifactCollections")
def collections(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with the names under which there are versions of a type."""
    place = (given["entity"], given["project"])
    found = [a for a in state.artifacts.values() if (a.entity, a.project) == place]
    names = sorted({a.collection for a in found if a.type == given["type"]})
    if not names:
        return in_project(given, {"artifactType": None})
    edges = [{"node": _collection(*place, name, given["type"])} for name in names]
    listed = {"totalCount": len(edges), "pageInfo": NO_MORE, "edges": edges}
    return in_project(given, {"artifactType": {"artifactCollections": listed}})


def _collection(entity: str, project: str, name: str, kind: str) -> Answer:
    return {
        "__typename": "ArtifactSequence",
        "id": f"collection-{name}",
        "name": name,
        "description": None,
        "createdAt": WHEN,
        "updatedAt": WHEN,
        "project": project_node(entity, project),
        "type": {"name": kind},
        "tags": {"edges": []},
    }


@answers("ProjectArtifacts")
def versions(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with the committed versions of one name."""
    found = state.versions(given["entity"], given["project"], given["collection"])
    edges = [{"version": f"v{a.version}", "node": _dated(a)} for a in reversed(found)]
    listed = {"totalCount": len(edges), "pageInfo": NO_MORE, "edges": edges}
    collection = {"__typename": "ArtifactSequence", "artifacts": listed}
    return in_project(given, {"artifactType": {"artifactCollection": collection}})


def _dated(artifact: Artifact) -> Answer:
    return artifact_node(artifact) | {"createdAt": getattr(artifact, "created_at", WHEN)}
