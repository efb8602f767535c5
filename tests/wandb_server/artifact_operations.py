"""GraphQL about artifacts."""

from __future__ import annotations

from typing import Any

from tests.wandb_server.operations import NO_MORE, WHEN, Answer, answers, in_project, project_node
from tests.wandb_server.state import COMMITTED, Artifact, State


@answers("CreateArtifact")
def create_artifact(state: State, given: dict[str, Any], url: str) -> Answer:
    """Make a version, or find the one with this content."""
    told = given["input"]
    entity = told.get("entityName") or state.entity
    place = (entity, told["projectName"])
    collection = told["artifactCollectionName"]
    versions = state.versions(*place, collection)
    same = [version for version in versions if version.digest == told["digest"]]
    same = same if state.finds_same_content else []
    if same:
        artifact = same[-1]
    else:
        artifact = Artifact(
            *place,
            collection,
            told["artifactTypeName"],
            number=state.number(),
            digest=told["digest"],
            version=-1,
            metadata=told.get("metadata"),
            description=told.get("description"),
            run=told.get("runName"),
        )
        state.artifacts[artifact.node_id] = artifact
    _name(state, artifact, {alias["alias"] for alias in told.get("aliases") or []})
    latest = {"id": versions[-1].node_id} if versions else None
    made = {"id": artifact.node_id, "state": artifact.state}
    return {"createArtifact": {"artifact": made | {"artifactSequence": {"latestArtifact": latest}}}}


def _name(state: State, artifact: Artifact, aliases: set[str]) -> None:
    """Give aliases to a version; one that is committed takes them from the others."""
    artifact.aliases |= aliases
    if artifact.state != COMMITTED:
        return
    for other in state.versions(artifact.entity, artifact.project, artifact.collection):
        if other is not artifact:
            other.aliases -= artifact.aliases


@answers("CreateArtifactManifest")
def create_artifact_manifest(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a manifest is to be put."""
    artifact = state.artifacts[given["artifactID"]]
    identity = f"manifest-{state.number()}"
    state.manifests[identity] = artifact.node_id
    artifact.manifest_key = f"{artifact.node_id}/{identity}.json"
    return {"createArtifactManifest": {"artifactManifest": _manifest(artifact, identity, url)}}


@answers("UpdateArtifactManifest")
def update_artifact_manifest(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a changed manifest is to be put."""
    identity = given["artifactManifestID"]
    artifact = state.artifacts[state.manifests[identity]]
    return {"updateArtifactManifest": {"artifactManifest": _manifest(artifact, identity, url)}}


def _manifest(artifact: Artifact, identity: str, url: str) -> Answer:
    upload = f"{url}/storage/{artifact.manifest_key}"
    return {"id": identity, "file": {"id": "file", "uploadUrl": upload, "uploadHeaders": []}}


@answers("CreateArtifactFiles")
def create_artifact_files(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a version's files are to be put."""
    edges = []
    for file in given["input"]["artifactFiles"]:
        artifact = state.artifacts[file["artifactID"]]
        key = f"{artifact.node_id}/files/{file['name']}"
        artifact.paths[file["name"]] = key
        more = {"uploadHeaders": [], "uploadMultipartUrls": None, "name": file["name"]}
        node = {"storagePath": key, "uploadUrl": f"{url}/storage/{key}", **more}
        edges.append({"node": node | {"artifact": {"id": artifact.node_id}}})
    return {"createArtifactFiles": {"files": {"edges": edges}}}


@answers("CommitArtifact")
def commit_artifact(state: State, given: dict[str, Any], url: str) -> Answer:
    """Make a version visible."""
    artifact = state.artifacts[given["artifactID"]]
    if artifact.state != COMMITTED:
        place = (artifact.entity, artifact.project, artifact.collection)
        artifact.version = len(state.versions(*place))
        artifact.state = COMMITTED
        _name(state, artifact, {"latest"})
    committed = {"id": artifact.node_id, "digest": artifact.digest}
    return {"commitArtifact": {"artifact": committed}}


def artifact_node(artifact: Artifact) -> Answer:
    """Return an artifact as queries for it see it."""
    sequence = {
        "__typename": "ArtifactSequence",
        "name": artifact.collection,
        "project": project_node(artifact.entity, artifact.project),
    }
    aliases = [
        {"__typename": "ArtifactAlias", "id": f"alias-{name}", "alias": name}
        for name in sorted(artifact.aliases)
    ]
    return {
        "__typename": "Artifact",
        "id": artifact.node_id,
        "artifactSequence": sequence,
        "versionIndex": artifact.version if artifact.state == COMMITTED else None,
        "artifactType": {"name": artifact.type},
        "description": artifact.description,
        "metadata": artifact.metadata,
        "ttlDurationSeconds": -1,
        "ttlIsInherited": True,
        "tags": [],
        "historyStep": None,
        "state": artifact.state,
        "size": 1,
        "digest": artifact.digest,
        "digestAlgorithm": "MANIFEST_MD5",
        "commitHash": artifact.node_id,
        "fileCount": len(artifact.paths),
        "createdAt": WHEN,
        "updatedAt": WHEN,
        "aliases": [alias | {"artifactCollection": sequence} for alias in aliases],
    }


@answers("ArtifactByID")
def artifact_by_id(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with a version."""
    artifact = state.artifacts.get(given["id"])
    return {"artifact": artifact_node(artifact) if artifact else None}


@answers("ArtifactMembershipByName")
def artifact_membership_by_name(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with the version that a name and an alias mean."""
    artifact = state.find(given["entity"], given["project"], given["name"])
    if artifact is None:
        known = any(run.project == given["project"] for run in state.runs.values())
        if not known:
            return {"project": None}
        return in_project(given, {"artifactCollectionMembership": None})
    node = artifact_node(artifact)
    membership = {
        "__typename": "ArtifactCollectionMembership",
        "id": f"membership-{artifact.number}",
        "versionIndex": artifact.version,
        "createdAt": WHEN,
        "aliases": node["aliases"],
        "artifactCollection": node["artifactSequence"],
        "artifact": node,
    }
    return in_project(given, {"artifactCollectionMembership": membership})


@answers("FetchArtifactManifest", "ArtifactManifest")
def fetch_artifact_manifest(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a manifest can be read."""
    artifact = state.artifacts[given["id"]]
    file = {"directUrl": f"{url}/storage/{artifact.manifest_key}"}
    return {"artifact": {"currentManifest": {"file": file}}}


@answers("GetArtifactMembershipFileUrls")
def get_artifact_membership_file_urls(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a version's files can be read."""
    name = f"{given['collection']}:{given['alias']}"
    artifact = state.find(given["entity"], given["project"], name)
    found = artifact.paths if artifact else {}
    edges = [
        {"node": {"__typename": "File", "name": path, "directUrl": f"{url}/storage/{key}"}}
        for path, key in found.items()
    ]
    membership = {"files": {"pageInfo": NO_MORE, "edges": edges}}
    collection = {"__typename": "ArtifactSequence", "artifactMembership": membership}
    return in_project(given, {"artifactCollection": collection})
