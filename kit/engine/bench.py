"""Measure the step time of one workload for `kit bench`."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from typing import Any

from kit import paths

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
    announce: Callable[[str], None],
) -> Report:
    """Run a few steps in this process.

    `benchmark` in `workload.yaml` gives a batch, and where the published one does not fit into an
    ordinary machine a smaller model, of a size that other measurements used too.

    Raises:
        KitError: an unknown name, or data that cannot be had.
    """
    from kit import data, registry
    from kit.engine.extras import installed
    from kit.rules.submission import load_submission

    chosen = registry.scale_entry(workload, scale).benchmark
    smaller = chosen.model or None
    entry = load_submission(submission)
    size = batch_size or chosen.batch_size or entry.batch_size(scale, workload, variant)
    if not synthetic:
        data.prepare(workload, scale)
    built = registry.load_workload(workload, scale, variant, model=smaller)
    extras = installed(entry.extra_requirements, paths.cache_root(), announce=announce)

    from kit.backend import framework
    from kit.referee.environment import cpu_model
    from kit.trainer.benchmark import BenchmarkOptions, benchmark

    tuning = entry.tuning_for("mini")
    times = benchmark(
        built,
        BenchmarkOptions(
            submission=entry.folder,
            hyperparameters=entry.completed((tuning.points or ({},))[0]),
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
