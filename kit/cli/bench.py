"""`kit bench`: the step time of one workload, or of all, on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kit.cli.bench_report import print_report
from kit.cli.tables import Table, print_tables
from kit.cli.views.terminal import libraries_silenced

if TYPE_CHECKING:
    from kit.engine.bench import Report

_KIT = "from kit.cli.main import main; main()"
_COLUMNS = (
    "workload", "scale", "batch", "ms per step", "quartiles", "waiting", "compile", "memory", "XLA",
)  # fmt: skip


@click.command(
    epilog="Examples: kit bench imagenet_resnet --scale full --synthetic; kit bench --all"
)
@click.argument("workload", required=False)
@click.option("--all", "every", is_flag=True, help="Measure every workload, each by itself.")
@click.option("--scale", default="mini", show_default=True, help="Scale of the workload.")
@click.option("--variant", default=None, help="Variant of the workload; the base without it.")
@click.option(
    "--submission",
    default="nadamw",
    show_default=True,
    help="Algorithm whose step is run.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=None,
    help="Examples in a batch; without it that of workload.yaml's benchmark or of the submission.",
)
@click.option(
    "--steps", type=click.IntRange(min=1), default=30, show_default=True, help="Steps to measure."
)
@click.option("--synthetic", is_flag=True, help="Use one random batch instead of the real data.")
@click.option("--xla/--no-xla", default=None, help="Override the workload's choice of XLA.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object, or a list of them.")
@click.pass_context
def bench(
    ctx: click.Context, /, workload: str | None, every: bool, as_json: bool, **options: Any
) -> None:
    """Measure milliseconds per step, waiting for data, compile time and memory here.

    WORKLOAD or --all says of what.
    """
    if every == (workload is not None):
        raise click.UsageError("Name a workload or say --all, not both. Try: kit bench mnist")
    if workload is not None:
        from kit.engine.bench import measure

        with libraries_silenced():
            report = measure(workload, **options, announce=partial(click.echo, err=True))
        click.echo(json.dumps(report, indent=2)) if as_json else print_report(report)
        return
    if options["variant"] is not None or options["batch_size"] is not None:
        raise click.UsageError("--variant and --batch-size belong to one workload, not to --all.")
    reports = list(_each(options))
    if as_json:
        click.echo(json.dumps(reports, indent=2))
    else:
        print_tables([_table(reports)])
    if any("error" in report for report in reports):
        ctx.exit(1)


def _each(options: Mapping[str, Any]) -> Iterator[Report]:
    """Measure workload after workload in processes of their own: memory and caches are not shared.

    What cannot be measured is a report with the `error` alone.
    """
    from kit import registry
    from kit.errors import UnknownName
    from kit.rules.submission import load_submission

    if options["scale"] not in ("full", "mini"):
        raise UnknownName("scale", options["scale"], ("full", "mini"), "--scale")
    load_submission(options["submission"])
    choice = [f"--scale={options['scale']}", f"--submission={options['submission']}"]
    choice.append(f"--steps={options['steps']}")
    choice += ["--synthetic"] if options["synthetic"] else []
    if options["xla"] is not None:
        choice.append("--xla" if options["xla"] else "--no-xla")
    names = registry.workload_names()
    for number, name in enumerate(names, start=1):
        click.echo(f"{number}/{len(names)} {name} …", err=True)
        command = [sys.executable, "-c", _KIT, "bench", name, "--json", *choice]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            report: Report = json.loads(done.stdout)
        else:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            report = {"workload": name, "error": lines[-1].removeprefix("Error: ")}
            click.echo(f"  {report['error']}", err=True)
        yield report


def _table(reports: list[Report]) -> Table:
    measured = [report for report in reports if "error" not in report]
    first = measured[0] if measured else {"submission": "nothing", "device": "", "cpu": ""}
    title = f"{first['submission']} on {first['cpu']}, device {first['device']}"
    return Table(title, _COLUMNS, [_row(report) for report in reports])


def _row(report: Report) -> list[str]:
    if "error" in report:
        return [report["workload"], "not measured", *[""] * (len(_COLUMNS) - 2)]
    low, high = report["quartiles_ms"]
    return [
        report["workload"],
        report["scale"] + (", smaller" if report["smaller_model"] else ""),
        str(report["batch_size"]),
        f"{report['median_ms']:.2f}",
        f"{low:.2f} to {high:.2f}",
        "" if report["synthetic"] else f"{100 * report['data_wait_share']:.1f}%",
        f"{report['compile_seconds']:.1f} s",
        f"{report['peak_memory_bytes'] / 2**20:.0f} MiB",
        "on" if any(report["xla"].values()) else "off",
    ]
