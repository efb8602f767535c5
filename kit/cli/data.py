"""`kit data`: prepare, list and verify data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kit import registry
from kit.cli.tables import Table, print_tables
from kit.data import DataStatus, prepare, status, verify
from kit.data.definition import data_definition
from kit.data.prepared import prepared_bytes, scale_folder
from kit.data.progress import shown_progress
from kit.errors import DataError

_BYTES_PER_MB = 1e6


@click.group(
    "data",
    short_help="Prepare, list and verify data sets.",
    epilog="Example: kit data prepare mnist",
)
def data() -> None:
    """Prepare, list and verify data sets."""


@data.command("prepare", epilog="Example: kit data prepare mnist --scale full --from ~/Downloads")
@click.argument("names", nargs=-1, required=True, metavar="WORKLOAD...")
@click.option(
    "--scale",
    default="mini",
    show_default=True,
    help="Prepare the data of this scale: mini or full.",
)
@click.option(
    "--from",
    "user_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look for the original files in this folder first.",
)
def prepare_(names: tuple[str, ...], scale: str, user_folder: Path | None) -> None:
    """Fetch and prepare data; what is there already is read in full, and stays if it is right."""
    for name in names:
        with shown_progress(f"Preparing {name}") as progress:
            folder = prepare(
                name, scale, user_folder=user_folder, progress=progress, read_everything=True
            )
        megabytes = prepared_bytes(name, scale) / _BYTES_PER_MB
        click.echo(f"{name} ({scale}): prepared, {megabytes:,.1f} MB in {folder}")


@data.command("list", epilog="Example: kit data list --json")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list to stdout.")
def list_(as_json: bool) -> None:
    """List the data sets of all workloads and scales, and whether they are prepared."""
    rows = [_row(name, scale) for name, scale in _all()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [
        [
            row["workload"],
            row["scale"],
            row["status"],
            f"{row['bytes'] / _BYTES_PER_MB:,.1f} MB" if row["bytes"] else "",
            ", ".join(row["sources"]),
        ]
        for row in rows
    ]
    print_tables([Table("Data sets", ("workload", "scale", "status", "size", "sources"), cells)])


@data.command("verify", epilog="Example: kit data verify mnist")
@click.argument("name", required=False, metavar="[WORKLOAD]")
def verify_(name: str | None) -> None:
    """Read prepared data in full and compare every checksum; without a workload, all of it."""
    if name is not None:
        registry.workload_manifest(name)  # refuse an unknown name
    chosen = [
        (workload, scale)
        for workload, scale in _all()
        if name in (None, workload) and scale_folder(workload, scale).exists()
    ]
    if not chosen:
        example = name or registry.workload_names()[0]
        raise DataError(f"Nothing is prepared. Run: kit data prepare {example}")
    failures = []
    for workload, scale in chosen:
        try:
            verify(workload, scale)
            click.echo(f"{workload} ({scale}): every byte is as defined")
        except DataError as error:
            click.echo(f"{workload} ({scale}): damaged")
            failures.append(str(error))
    if failures:
        raise DataError(" ".join(failures))


def _all() -> list[tuple[str, str]]:
    return [
        (name, scale)
        for name in registry.workload_names()
        for scale in registry.workload_manifest(name).scales
    ]


def _row(workload: str, scale: str) -> dict[str, Any]:
    state = status(workload, scale)
    originals = data_definition(workload, scale).originals
    sources = originals[0].sources if originals else ()
    return {
        "workload": workload,
        "scale": scale,
        "status": state.value,
        "bytes": prepared_bytes(workload, scale) if state is not DataStatus.ABSENT else 0,
        "sources": [source.kind for source in sources],
    }
