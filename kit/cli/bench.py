"""`kit bench`: the step time of a workload on this machine."""

from __future__ import annotations

import json
import os
import statistics
from typing import Any

import click

from kit.cli.views.terminal import libraries_silenced


@click.command(epilog="Example: kit bench imagenet_resnet --scale full --batch-size 16 --synthetic")
@click.argument("workload")
@click.option("--scale", default="mini", show_default=True, help="Scale of the workload.")
@click.option("--variant", default=None, help="Variant of the workload; the base without it.")
@click.option(
    "--submission",
    default="nadamw",
    show_default=True,
    help="Algorithm whose step is run.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=None, help="Examples in a batch.")
@click.option(
    "--steps", type=click.IntRange(min=1), default=30, show_default=True, help="Steps to measure."
)
@click.option("--synthetic", is_flag=True, help="Use one random batch instead of the real data.")
@click.option("--xla/--no-xla", default=None, help="Override the workload's choice of XLA.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(as_json: bool, **options: Any) -> None:
    """Measure milliseconds per step, compile time and memory of WORKLOAD here."""
    with libraries_silenced():
        report = _measure(**options)
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    click.echo(
        f"{report['workload']} ({report['scale']}), {report['submission']}, "
        f"batch {report['batch_size']}, {report['device']}, XLA {report['xla']}"
    )
    click.echo(
        f"  step     {report['median_ms']:.2f} ms (median of {report['steps']}; "
        f"quartiles {report['quartiles_ms'][0]:.2f} to {report['quartiles_ms'][1]:.2f})"
    )
    click.echo(f"  data     {100 * report['data_wait_share']:.1f}% of it waiting for data")
    click.echo(f"  compile  {report['compile_seconds']:.1f} s")
    click.echo(f"  memory   {report['peak_memory_bytes'] / 2**20:.0f} MiB at the peak")
    click.echo(f"  machine  {report['cpu']}, load {report['load_average'][0]:.1f}")


def _measure(
    workload: str,
    scale: str,
    variant: str | None,
    submission: str,
    batch_size: int | None,
    steps: int,
    synthetic: bool,
    xla: bool | None,
) -> dict[str, Any]:
    from kit import data, registry
    from kit.cli.extra_packages import extras_folder
    from kit.rules.submission import load_submission

    built = registry.load_workload(workload, scale, variant)
    entry = load_submission(submission)
    size = batch_size or entry.batch_size(scale, workload, variant)
    if not synthetic:
        data.prepare(workload, scale)

    extras = extras_folder(entry)

    from kit.backend import framework
    from kit.referee.environment import cpu_model
    from kit.trainer.benchmark import BenchmarkOptions, benchmark

    tuning = entry.tuning_for("mini")
    point = (tuning.points or ({},))[0]
    times = benchmark(
        built,
        BenchmarkOptions(
            submission=entry.folder,
            hyperparameters=point,
            batch_size=size,
            steps=steps,
            synthetic=synthetic,
            xla=xla,
            extras=extras,
        ),
    )
    quartiles = statistics.quantiles(times.milliseconds, n=4) if steps > 1 else [0.0, 0.0, 0.0]
    return {
        "workload": f"{workload}_{variant}" if variant else workload,
        "scale": scale,
        "submission": entry.name,
        "batch_size": size,
        "steps": steps,
        "synthetic": synthetic,
        "median_ms": times.median_milliseconds,
        "quartiles_ms": [quartiles[0], quartiles[2]],
        "data_wait_share": times.data_wait_share,
        "compile_seconds": times.compile_seconds,
        "peak_memory_bytes": times.peak_memory_bytes,
        "device": times.device,
        "xla": dict(times.xla),
        "versions": framework().versions(),
        "cpu": cpu_model(),
        "load_average": list(os.getloadavg()),
    }
