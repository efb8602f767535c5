"""GraphQL: which function answers which operation. No query is parsed.

An answer holds every field that the SDK's query of that name asks for, under the names that it asks
for, and more is ignored. Operations that are not here are refused, as a server refuses what is new
to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wandb_server.state import State

Answer = dict[str, Any]
Handler = Callable[[State, dict[str, Any], str], Answer]  # state, variables, the server's URL
HANDLERS: dict[str, Handler] = {}
WHEN = "2026-01-01T00:00:00Z"
NO_MORE = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}


def answers(*names: str) -> Callable[[Handler], Handler]:
    """Register a function as the answer to operations."""

    def register(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, function))
        return function

    return register


def project_node(entity: str, name: str) -> Answer:
    """Return a project."""
    own = {"__typename": "Project", "id": "project-1", "internalId": "1", "name": name}
    return {**own, "entity": {"id": "entity-1", "name": entity}, "entityName": entity}


def in_project(given: dict[str, Any], content: Answer) -> Answer:
    """Return an answer about something in the project that was asked for."""
    return {"project": project_node(given["entity"], given["project"]) | content}


@answers("Viewer", "GetViewer", "GetDefaultEntity")
def viewer(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer who the key belongs to."""
    team = {"edges": [{"node": {"name": state.entity}}]}
    user = {"id": "user-1", "entity": state.entity, "username": "ada", "email": "ada@example.org"}
    more = {"name": "Ada", "admin": False, "flags": "{}", "deletedAt": None}
    return {"viewer": {**user, **more, "apiKeys": {"edges": []}, "teams": team}}


@answers("ServerFeaturesQuery")
def server_features(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer that this is a server without extras."""
    return {"serverInfo": {"features": []}}


@answers("GetProjects")
def get_projects(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with all projects that have a run."""
    names = sorted({(run.entity, run.project) for run in state.runs.values()})
    more = {"createdAt": WHEN, "isBenchmark": False, "user": None}
    edges = [{"node": project_node(*name) | more} for name in names]
    return {"models": {"pageInfo": NO_MORE, "edges": edges}}
