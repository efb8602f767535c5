"""GraphQL about reports."""

from __future__ import annotations

from typing import Any

from tests.wandb_server.operations import NO_MORE, WHEN, Answer, answers, in_project, project_node
from tests.wandb_server.state import State


@answers("ProjectViews")
def reports(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with all reports of a project."""
    place = (given["entity"], given["project"])
    found = [v for v in state.views.values() if (v["entityName"], v["projectName"]) == place]
    edges = [{"cursor": str(n), "node": _node(view)} for n, view in enumerate(found)]
    return in_project(given, {"allViews": {"edges": edges, "pageInfo": NO_MORE}})


@answers("upsertView")
def upsert_view(state: State, given: dict[str, Any], url: str) -> Answer:
    """Make a report, or change the one of this id."""
    identity = given.get("id") or f"Vmlldzo{state.number()}"
    inserted = identity not in state.views
    state.views[identity] = {**given, "id": identity}
    return {"upsertView": {"view": _node(state.views[identity]), "inserted": inserted}}


def _node(view: dict[str, Any]) -> Answer:
    project = project_node(view["entityName"], view["projectName"])
    user = {"username": "ada", "photoUrl": None, "email": "ada@example.org"}
    own = {key: view.get(key) for key in ("id", "type", "name", "displayName", "description")}
    dates = {"createdAt": WHEN, "updatedAt": WHEN}
    return {**own, "spec": view["spec"], "project": project, "user": user, **dates}
