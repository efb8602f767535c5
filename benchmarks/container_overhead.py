"""What containers cost: the same steps as local processes and in containers, paired in one run.

For each pair, nadamw trains with one seed from an evaluation after step 1 to one after the last
step, once under bubblewrap and once in containers, in alternating order. Compared is the submission
time between the two evaluations, so compilation is in neither, and setup beside it.

    python benchmarks/container_overhead.py mnist --steps 3000 --pairs 5
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

import click

_KIT = [sys.executable, "-c", "from kit.cli.main import main; main()"]


def _run(engine: str, workload: str, steps: int) -> dict[str, float]:
    """Return submission seconds between the evaluations, and the seconds before the clock."""
    with tempfile.TemporaryDirectory() as results:
        words = ["run", "--workload", workload, "--engine", engine, "--seed", "1", "--json"]
        words += ["--evaluate-at-steps", f"1,{steps}", "--results", results]
        done = subprocess.run([*_KIT, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr[-2000:])
    said: dict[str, Any] = json.loads(done.stdout)
    first, last = (e["submission_ns"] / 1e9 for e in said["evaluations"])
    setup = [s["end_ns"] for s in said["trial"]["segments"] if s["phase"] == "setup"]
    return {"steps_seconds": last - first, "setup_seconds": setup[0] / 1e9}


@click.command()
@click.argument("workload")
@click.option("--steps", default=3000, show_default=True, help="Steps of each run.")
@click.option("--pairs", default=5, show_default=True, help="Pairs of runs.")
def main(workload: str, steps: int, pairs: int) -> None:
    """Print one JSON object with all pairs and the median ratio."""
    measured = []
    for pair in range(pairs):
        order = ("local", "docker") if pair % 2 == 0 else ("docker", "local")
        both = {engine: _run(engine, workload, steps) for engine in order}
        both["ratio"] = both["docker"]["steps_seconds"] / both["local"]["steps_seconds"]
        click.echo(f"pair {pair + 1}: ratio {both['ratio']:.3f}", err=True)
        measured.append(both)
    ratio = statistics.median(pair["ratio"] for pair in measured)
    click.echo(json.dumps({"workload": workload, "steps": steps, "median_ratio": ratio,
                           "pairs": measured}, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
