"""`kit upload`: mirror signed results at Weights & Biases."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit import paths
from kit.cli.wandb_access import access_options, finds_key, project_options, read_key
from kit.errors import NotAvailable, UsageError

if TYPE_CHECKING:
    from kit.mirror.plan import Plan
    from kit.mirror.project import Destination
    from kit.mirror.upload import Result

EXIT_FAILED = 1
_MODES = {"online": False, "run": False, "offline": True, "dryrun": True}


@click.command(
    short_help="Mirror signed results at Weights & Biases.",
    epilog="Examples: kit upload results/mini --entity my-team --project stopwatch;"
    " kit upload results --offline",
)
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@project_options
@access_options(timeout_seconds=120)
@click.option(
    "--offline", is_flag=True,
    help="Write the runs into --folder and send nothing; so it is without a key, too.",
)  # fmt: skip
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default="wandb",
    show_default=True, help="The folder of offline runs.",
)  # fmt: skip
@click.option(
    "--parallel", type=click.IntRange(1, 16), default=4, show_default=True,
    help="Send so many runs side by side.",
)  # fmt: skip
@click.option(
    "--trusted-key", "trusted_keys", multiple=True, metavar="KEY",
    help="A public key that you trust, as for `kit verify`; may be repeated; records of other keys"
    " are then refused.",
)  # fmt: skip
@click.option(
    "--unverified", is_flag=True,
    help="Send records that do not verify, too; their runs are tagged `unverified`.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@click.pass_context
def upload(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Mirror RESULTS, folders of signed records, at Weights & Biases.

    Everything is verified first, then each trial is replayed as a run, its record beside it as an
    artifact, and read back. What is there already stays as it is, so the same command goes on after
    an interruption. Exits with 1 when something did not arrive.
    """
    from kit.mirror.upload import Status

    destination = _destination(options)
    plan = _plan(options)
    for notice in plan.notices:
        click.echo(f"Note: {notice}", err=True)
    results = _send(plan, destination, options["parallel"])
    counts = Counter(result.status for result in results)
    if as_json:
        click.echo(json.dumps(_as_dict(results, plan, destination), indent=2, allow_nan=False))
    else:
        _print(results, plan, destination)
    if counts[Status.FAILED] or counts[Status.NOT_TRIED]:
        ctx.exit(EXIT_FAILED)


def _destination(options: dict[str, Any]) -> Destination:
    """Decide where runs go."""
    from importlib.util import find_spec

    from kit.mirror.project import Destination

    if find_spec("wandb") is None:
        raise NotAvailable(
            "The package wandb is not installed. Run `make setup`: it installs what is locked."
        )
    to = Destination(options["entity"], options["project"], options["timeout"])
    offline = replace(to, offline=options["folder"].absolute())
    if options["offline"] or _wants_offline():
        return offline
    key = read_key(options["key_file"])
    if key or finds_key():
        return replace(to, api_key=key)
    if os.environ.get("WANDB_MODE"):
        raise UsageError(
            "There is no W&B key, and WANDB_MODE=online asks for one. Run `wandb login`, set "
            "WANDB_API_KEY, or give --key-file; --offline does without."
        )
    click.echo("There is no W&B key, so the runs are written to disk (--offline).", err=True)
    return offline


def _wants_offline() -> bool:
    mode = os.environ.get("WANDB_MODE") or "online"
    if mode not in _MODES:
        raise UsageError(
            f"WANDB_MODE={mode} is no way to upload. Choose one of: online, offline. Received: "
            f"WANDB_MODE={mode}."
        )
    return _MODES[mode]


def _plan(options: dict[str, Any]) -> Plan:
    from kit.mirror.plan import plan_upload
    from kit.records.signing import local_keys, parse_public_key

    given = [parse_public_key(text) for text in options["trusted_keys"]]
    return plan_upload(
        options["results"],
        unverified=options["unverified"],
        trusted=given + local_keys(paths.config_root()),
        must_trust=bool(given),
    )


def _send(plan: Plan, destination: Destination, parallel: int) -> list[Result]:
    from kit.data.progress import shown_progress
    from kit.mirror.upload import Upload

    total, done = len(plan.tasks), 0
    with shown_progress("upload") as progress:

        def tell(result: Result) -> None:
            nonlocal done
            done += 1
            said = f": {result.problem}" if result.problem else ""
            progress.stage(f"[{done}/{total}] {result.status}: {result.label}{said}")
            progress.amount(done, total)

        return Upload(destination, parallel=parallel, tell=tell).run(plan.tasks)


def _as_dict(results: list[Result], plan: Plan, destination: Destination) -> dict[str, Any]:
    return {
        "entity": destination.entity or None,
        "project": destination.project,
        "offline": str(destination.offline) if destination.offline else None,
        "records": plan.records,
        "notices": list(plan.notices),
        "runs": [asdict(result) for result in results],
    }


def _print(results: list[Result], plan: Plan, destination: Destination) -> None:
    from kit.mirror.upload import Status
    from kit.text import escape_line

    counts = Counter(result.status for result in results)
    where = destination.offline or f"{destination.entity or 'your entity'}/{destination.project}"
    called = {Status.SENT: "written"} if destination.offline else {}
    words = ", ".join(f"{counts[s]} {called.get(s, s)}" for s in Status if counts[s])
    bad = counts[Status.FAILED] + counts[Status.NOT_TRIED]
    headline = "NOT COMPLETE" if bad else "WRITTEN" if destination.offline else "UPLOADED"
    ledgers = len(results) - plan.records
    click.echo(click.style(f"{headline}: {where}", fg="red" if bad else "green", bold=True))
    click.echo(f"\n  Trials: {plan.records}, ledgers: {ledgers}. Runs: {words}.")
    for result in results:
        for text in filter(None, (result.problem, result.note and f"Note: {result.note}")):
            click.echo(escape_line(f"  - {result.label}: {text}"))
    if bad:
        click.echo("\nThe same command goes on where this one ended.")
    elif destination.offline:
        click.echo(
            "\nNothing was sent. With a key, the same command without --offline sends it and reads "
            f"it back;\n`wandb sync {destination.offline}/offline-run-*` sends it unchecked."
        )
