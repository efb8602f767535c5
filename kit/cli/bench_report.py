"""What `kit bench` prints for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kit.engine.bench import Report


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
