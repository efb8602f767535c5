"""What the referee costs: the same training loop with and without it, paired in one run.

For each pair, nadamw trains a fixed number of steps twice, once as a refereed trial with its usual
evaluations, once as a bare loop in its own process. Compared is the time from the end of step 1
to the end of the last step: submission time there, wall time here. Compilation is in neither.

    python benchmarks/referee_overhead.py mnist --steps 2000 --pairs 5
    python benchmarks/referee_overhead.py imagenet_resnet --steps 150 --pairs 5
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from kit import paths
from kit.planning.request import TrialPlan

_BOUNDED = """
from itertools import islice
from algorithm import NAdamW

class Bounded(NAdamW):
    def batches(self, queue, feedback):
        return islice(queue, {steps})
"""


class _Silent:
    """An observer that keeps nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class _BarePort:
    """A port without a referee: notes when the first and the last step ended."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def set_step(self, step: int) -> None:
        self.last = time.perf_counter()
        if step == 1:
            self.first = self.last

    def evaluation_due(self) -> bool:
        return False

    def complete(self, *_: Any) -> None: ...


def _submission(folder: Path, steps: int) -> Path:
    source = paths.SUBMISSIONS / "nadamw"
    folder.mkdir()
    (folder / "algorithm.py").write_bytes((source / "submission.py").read_bytes())
    (folder / "submission.py").write_text(_BOUNDED.format(steps=steps))
    manifest = (source / "submission.yaml").read_text()
    (folder / "submission.yaml").write_text(manifest.replace("name: nadamw", "name: bounded"))
    return folder


def _plan(folder: Path, workload: str, seed: int) -> TrialPlan:
    from kit.planning.plan import plan_trial
    from kit.planning.request import open_request

    request = plan_trial(
        workload=workload,
        submission=folder / "bounded",
        seed=seed,
        results=folder / "results",
        config=folder / "config",
    )
    target = request.rules.target.model_copy(update={"validation": 2.0})  # out of reach
    rules = request.rules.model_copy(update={"target": target, "max_runtime_seconds": 3600.0})
    return open_request(request.changed(rules=rules))


def _refereed(plan: TrialPlan, folder: Path) -> dict[str, float]:
    from kit.referee.trial import run_trial

    outcome = run_trial(plan, config=folder / "config", observer=_Silent())
    first, last = outcome.evaluations[0], outcome.evaluations[-1]
    pauses = outcome.evaluations[:-1]
    return {
        "seconds": last.submission_seconds - first.submission_seconds,
        "evaluations": len(outcome.evaluations),
        "freezing_seconds": sum(e.freeze_ns for e in pauses) / 1e9,
        "handover_seconds": outcome.record.trainer_report.handover_seconds,
    }


def _bare(folder: Path, workload: str, seed: int) -> None:
    """Run the loop alone and print its seconds; called in a process of its own."""
    from kit.backend import framework
    from kit.backend.functional import build_initial
    from kit.registry import load_workload
    from kit.trainer.assembly import assemble
    from kit.trainer.data import training_queue
    from kit.trainer.loop import Loop

    plan = _plan(folder, workload, seed)
    request = plan.request
    framework().configure()
    built = load_workload(workload, plan.ruleset.scale)
    model = build_initial(built, request.seeds.initialization)
    params, model_state = model.initial_values()
    program = assemble(
        model,
        plan.submission.folder,
        [*params, *model_state],
        hyperparameters=request.hyperparameters,
        step_hint=request.rules.step_hint,
        batch_size=request.batch_size,
        seed=request.seeds.algorithm,
    )
    queue = training_queue(built, request.batch_size, request.seeds.data)
    port = _BarePort()
    Loop(program, queue, port).run()
    print(json.dumps({"seconds": port.last - port.first}))


@click.command()
@click.argument("workload")
@click.option("--steps", default=500, show_default=True, help="Steps in each run.")
@click.option("--pairs", default=5, show_default=True, help="Pairs of runs.")
@click.option("--bare", type=click.Path(path_type=Path), hidden=True)
@click.option("--seed", default=0, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(
    workload: str, steps: int, pairs: int, bare: Path | None, seed: int, as_json: bool
) -> None:
    """Measure the referee's overhead on submission time for WORKLOAD at mini scale."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if bare is not None:
        _bare(bare, workload, seed)
        return
    import kit.data
    from kit.referee.environment import cpu_model

    kit.data.prepare(workload, "mini")
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _submission(folder / "bounded", steps)
        for pair in range(pairs):
            command = [sys.executable, __file__, workload, "--bare", name, "--seed", str(pair)]
            order = ("bare", "refereed") if pair % 2 == 0 else ("refereed", "bare")
            row: dict[str, Any] = {}
            for mode in order:
                if mode == "bare":
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    row["bare"] = json.loads(done.stdout.splitlines()[-1])
                else:
                    row["refereed"] = _refereed(_plan(folder, workload, pair), folder)
            row["overhead"] = row["refereed"]["seconds"] / row["bare"]["seconds"] - 1
            rows.append(row)
            click.echo(f"pair {pair + 1}: overhead {100 * row['overhead']:+.2f}%", err=True)
    accounted = [
        (r["refereed"]["freezing_seconds"] + r["refereed"]["handover_seconds"])
        / r["refereed"]["seconds"]
        for r in rows
    ]
    report = {
        "workload": workload,
        "command": " ".join(["python", "benchmarks/referee_overhead.py", *sys.argv[1:]]),
        "steps": steps,
        "overhead_median": statistics.median(r["overhead"] for r in rows),
        "overhead_range": [min(r["overhead"] for r in rows), max(r["overhead"] for r in rows)],
        "freezing_and_handover_share_median": statistics.median(accounted),
        "pairs": rows,
        "cpu": cpu_model(),
        "cpu_cores": os.cpu_count(),
        "load_average": list(os.getloadavg()),
    }
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return
    click.echo(
        f"{workload}: referee overhead {100 * report['overhead_median']:+.2f}% of submission time "
        f"(median of {pairs} pairs, {100 * report['overhead_range'][0]:+.2f}% to "
        f"{100 * report['overhead_range'][1]:+.2f}%); freezing and hand-over account for "
        f"{100 * report['freezing_and_handover_share_median']:.2f}%."
    )


if __name__ == "__main__":
    main()
