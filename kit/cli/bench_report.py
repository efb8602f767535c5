"""Measure one workload for `kit bench`, and print what was measured."""

from __future__ import annotations

import os
import statistics
from typing import Any

import click

Report = dict[str, Any]


def measure(
    workload: str,
    *,
    scale: str,
    variant: str | None,
    submission: str,
    batch_size: int | None,
    steps: int,
    synthetic: bool,
    xla: bool | None,
) -> Report:
    """Run a few steps in this process.

    `benchmark` in `workload.yaml` gives a batch, and where the published one does not fit into an
    ordinary machine a smaller model, of a size that other measurements used too.

    Raises:
        KitError: an unknown name, or data that cannot be had.
    """
    from kit import data, registry
    from kit.cli.extra_packages import extras_folder
    from kit.rules.submission import load_submission

    chosen = registry.scale_entry(workload, scale).benchmark
    smaller = chosen.model or None
    entry = load_submission(submission)
    size = batch_size or chosen.batch_size or entry.batch_size(scale, workload, variant)
    if not synthetic:
        data.prepare(workload, scale)
    built = registry.load_workload(workload, scale, variant, model=smaller)
    extras = extras_folder(entry)

    from kit.backend import framework
    from kit.referee.environment import cpu_model
    from kit.trainer.benchmark import BenchmarkOptions, benchmark

    tuning = entry.tuning_for("mini")
    times = benchmark(
        built,
        BenchmarkOptions(
            submission=entry.folder,
            hyperparameters=(tuning.points or ({},))[0],
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
        "smaller_model": smaller,
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


def print_report(report: Report) -> None:
    """Print the report of one workload for people."""
    smaller = report["smaller_model"] or {}
    changes = "".join(f", {name} {value}" for name, value in smaller.items())
    click.echo(
        f"{report['workload']} ({report['scale']}{changes}), {report['submission']}, "
        f"batch {report['batch_size']}, {report['device']}, XLA {report['xla']}"
    )
    low, high = report["quartiles_ms"]
    click.echo(
        f"  step     {report['median_ms']:.2f} ms (median of {report['steps']}; "
        f"quartiles {low:.2f} to {high:.2f})"
    )
    if not report["synthetic"]:
        click.echo(f"  data     {100 * report['data_wait_share']:.1f}% of it waiting for data")
    click.echo(f"  compile  {report['compile_seconds']:.1f} s")
    click.echo(f"  memory   {report['peak_memory_bytes'] / 2**20:.0f} MiB at the peak")
    click.echo(f"  machine  {report['cpu']}, load {report['load_average'][0]:.1f}")
