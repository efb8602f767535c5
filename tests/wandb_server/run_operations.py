"""GraphQL about runs."""

from __future__ import annotations

import json
from typing import Any

from tests.wandb_server.operations import WHEN, Answer, answers, in_project, project_node
from tests.wandb_server.state import HISTORY, Run, State, parse


@answers("RunResumeStatus")
def run_resume_status(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a run would go on."""
    entity = given.get("entity") or state.entity
    run = state.runs.get((entity, given["project"], given["name"]))
    model = {"id": "project-1", "name": given["project"], "entity": {"id": "e", "name": entity}}
    return {"model": {**model, "bucket": _resumable(run) if run else None}}


def _resumable(run: Run) -> Answer:
    lines = run.lines.get(HISTORY, {})
    tail = [lines[max(lines)]] if lines else []
    return {
        "id": run.node_id,
        "name": run.name,
        "displayName": run.fields.get("displayName"),
        "summaryMetrics": json.dumps(run.summary),
        "config": json.dumps(run.config),
        "historyLineCount": len(lines),
        "historyTail": json.dumps(tail),
        "eventsLineCount": 0,
        "eventsTail": "[]",
        "logLineCount": 0,
        "tags": run.fields.get("tags") or [],
        "notes": run.fields.get("notes"),
        "wandbConfig": json.dumps({"t": 1}),
    }


@answers("UpsertBucket")
def upsert_bucket(state: State, given: dict[str, Any], url: str) -> Answer:
    """Make a run, or change it."""
    known = [run for run in state.runs.values() if run.node_id == given.get("id")]
    before = len(state.runs)
    name = given.get("name") or f"run{state.number()}"
    run = known[0] if known else state.run(given.get("entity") or "", given["project"], name)
    kept = ("displayName", "groupName", "jobType", "tags", "notes", "host", "program", "commit")
    run.fields |= {key: given[key] for key in kept if given.get(key) is not None}
    if given.get("config"):
        run.config |= parse(given["config"])
    if given.get("summaryMetrics"):
        run.summary = parse(given["summaryMetrics"])
    run.state = given.get("state") or "running"
    return {"upsertBucket": {"bucket": run_node(run), "inserted": len(state.runs) > before}}


def run_node(run: Run) -> Answer:
    """Return a run as queries for it see it."""
    lines = run.lines.get(HISTORY, {})
    return {
        "__typename": "Run",
        "id": run.node_id,
        "name": run.name,
        "displayName": run.fields.get("displayName"),
        "description": None,
        "notes": run.fields.get("notes"),
        "config": json.dumps(run.config),
        "summaryMetrics": json.dumps(run.summary),
        "systemMetrics": "{}",
        "sweepName": None,
        "state": run.state,
        "group": run.fields.get("groupName"),
        "jobType": run.fields.get("jobType"),
        "tags": run.fields.get("tags") or [],
        "commit": None,
        "readOnly": False,
        "createdAt": WHEN,
        "heartbeatAt": WHEN,
        "projectId": "1",
        "project": project_node(run.entity, run.project),
        "user": {"name": "Ada", "username": "ada"},
        "historyLineCount": len(lines),
        "historyKeys": {"lastStep": max((row["_step"] for row in run.history), default=-1)},
    }


@answers("Run")
def run(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with a run."""
    found = state.runs.get((given["entity"], given["project"], given["name"]))
    return in_project(given, {"run": run_node(found) if found else None})


@answers("Runs")
def runs(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with a page of runs; filters are ignored."""
    place = (given["entity"], given["project"])
    found = [run for run in state.runs.values() if (run.entity, run.project) == place]
    if not found:
        return {"project": None}
    begin = int(given.get("cursor") or 0)
    end = min(len(found), begin + (given.get("perPage") or 50))
    nodes = [run_node(each) for each in found[begin:end]]
    for node in nodes if given["light"] else ():
        for heavy in ("config", "summaryMetrics", "systemMetrics"):
            del node[heavy]
    edges = [{"node": node, "cursor": str(begin + i)} for i, node in enumerate(nodes, start=1)]
    page = {"endCursor": str(end), "hasNextPage": end < len(found)}
    listed = {"edges": edges, "pageInfo": page}
    more = {"runCount": len(found), "readOnly": False, "runs": listed}
    return in_project(given, more)


@answers("HistoryPage")
def history_page(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with rows of some steps."""
    found = state.runs[given["entity"], given["project"], given["run"]]
    low, high = given["minStep"], given["maxStep"]
    rows = [json.dumps(row) for row in found.history if low <= row["_step"] < high]
    return in_project(given, {"run": {"history": rows}})


@answers("RunParquetHistory")
def run_parquet_history(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with all rows."""
    found = state.runs[given["entity"], given["project"], given["runName"]]
    history = {"parquetUrls": [], "liveData": found.history}
    return in_project(given, {"run": {"parquetHistory": history}})


@answers("RunHistoryKeys")
def run_history_keys(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with the last step."""
    found = state.runs[given["entity"], given["project"], given["name"]]
    return in_project(given, {"run": run_node(found)})


@answers("RunFullHistory")
def run_full_history(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer with all rows as text."""
    found = state.runs[given["entity"], given["project"], given["name"]]
    rows = [json.dumps(row) for row in found.history]
    return in_project(given, {"run": {"history": rows}})


@answers("CreateRunFiles")
def create_run_files(state: State, given: dict[str, Any], url: str) -> Answer:
    """Answer where a run's files are to be put."""
    files = [{"name": n, "uploadUrl": f"{url}/storage/runs/{n}"} for n in given["files"]]
    answer = {"runID": "run", "uploadHeaders": [], "files": files}
    return {"createRunFiles": answer}
