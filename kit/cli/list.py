"""`kit list`: what there is, by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import click

from kit import paths, registry
from kit.cli.tables import Table, print_tables
from kit.errors import InvalidFile, UnknownName
from kit.rules.availability import available_workloads
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.submission import read_manifest

_KINDS = ("workloads", "submissions", "rulesets")


@click.command(
    "list",
    short_help="List workloads, submissions or rulesets.",
    epilog="Example: kit list workloads",
)
@click.argument("what", required=False, metavar="[workloads|submissions|rulesets]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
def list_(what: str | None, as_json: bool) -> None:
    """List workloads, submissions and rulesets; without an argument, all three."""
    if what is not None and what not in _KINDS:
        raise UnknownName("kind of thing to list", what, _KINDS)
    found = {kind: _ROWS[kind]() for kind in _KINDS if what in (None, kind)}
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        print_tables(_table(kind, rows) for kind, rows in found.items())


def workload_rows() -> list[dict[str, Any]]:
    """Return the workloads that are built, then those that only rulesets know."""
    rulesets = [load_ruleset(name) for name in registry.ruleset_names()]
    built = registry.workload_names()
    known = {name for ruleset in rulesets for name in (*ruleset.workloads, *ruleset.planned)}
    names = (*built, *sorted(known - set(built)))
    return [_workload_row(name, name in built, rulesets) for name in names]


def _workload_row(name: str, built: bool, rulesets: list[Ruleset]) -> dict[str, Any]:
    """Describe a workload; one with an error is listed with it, so that the others are too."""
    manifest, error = None, None
    try:
        manifest = registry.workload_manifest(name) if built else None
    except InvalidFile as problem:
        error = str(problem)
    return {
        "name": name,
        "built": built,
        "metric": manifest.metric if manifest else _metric(name, rulesets),
        "scales": list(manifest.scales) if manifest else [],
        "variants": list(manifest.variants) if manifest else [],
        "rulesets": [ruleset.name for ruleset in rulesets if name in ruleset.workloads],
        "description": manifest.description if manifest else "",
        **({"error": error} if error else {}),
    }


def submission_rows() -> list[dict[str, Any]]:
    """Return the submissions that ship with the kit."""
    rows = []
    for name in registry.submission_names():
        manifest = read_manifest(paths.SUBMISSIONS / name)
        rows.append(
            {
                "name": name,
                "tuning": {ruleset: tuning.form for ruleset, tuning in manifest.tuning.items()},
                "batch_sizes": manifest.batch_sizes,
                "paper": manifest.paper,
                "description": manifest.description,
            }
        )
    return rows


def ruleset_rows() -> list[dict[str, Any]]:
    """Return the rulesets."""
    return [_ruleset_row(load_ruleset(name)) for name in registry.ruleset_names()]


def _ruleset_row(ruleset: Ruleset) -> dict[str, Any]:
    return {
        "name": ruleset.name,
        "scale": ruleset.scale,
        "device": ruleset.evaluation.device,
        "tuning": ruleset.tuning.model_dump(),
        "workloads": list(ruleset.workloads),
        "available_workloads": available_workloads(ruleset),
        "description": ruleset.description,
    }


_ROWS = {"workloads": workload_rows, "submissions": submission_rows, "rulesets": ruleset_rows}


def _metric(name: str, rulesets: list[Ruleset]) -> str | None:
    metrics = [r.workloads[name].target.metric for r in rulesets if name in r.workloads]
    return metrics[0] if metrics else None


def _table(kind: str, rows: list[dict[str, Any]]) -> Table:
    columns, cells = _CELLS[kind]
    return Table(kind.capitalize(), columns, [cells(row) for row in rows])


def _workload_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        "error" if "error" in row else ", ".join(row["scales"]) or "not built yet",
        row["metric"] or "-",
        str(len(row["variants"])) if row["scales"] else "-",
        row.get("error") or row["description"] or "-",
    )


def _ruleset_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    external = row["tuning"]["external"]
    return (
        row["name"],
        row["scale"],
        f"{len(row['available_workloads'])} of {len(row['workloads'])}",
        f"{external['studies']} × {external['trials']}",
        row["description"],
    )


def _submission_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    tuning = ", ".join(f"{ruleset}: {form}" for ruleset, form in row["tuning"].items())
    return row["name"], tuning, row["description"]


_CELLS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], tuple[str, ...]]]] = {
    "workloads": (
        ("workload", "scales", "metric", "variants", "description"),
        _workload_cells,
    ),
    "submissions": (("submission", "tuning", "description"), _submission_cells),
    "rulesets": (
        ("ruleset", "scale", "built workloads", "studies × trials", "description"),
        _ruleset_cells,
    ),
}
