"""A ruleset with a file, and signed records under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kit.contracts.target import Target
from kit.records.record import RulesRecord, TrialState
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.rules.source_digest import digest_files
from tests.records.factory import SCHEDULE, Results, Trial, make_trial, study_body

RULESET = """
name: example
version: "1"
description: Two studies of two trials.
source: the tests
scale: mini
hardware: any
isolation: process
evaluation: {device: cpu, memory_share: 0.5}
tuning:
  external: {studies: 2, trials: 2}
  self_tuning: {studies: 2, runtime_factor: 1.5}
evaluations: {schedule: after_previous, late_seconds: 2, late_period_share: 0.05}
pause_cpu_tolerance_seconds: 0.1
pause_cpu_clock: ticks
submission_limits: {max_bytes: 1000000, max_compressed_bytes: 16384, suffixes: [.py, .yaml]}
scoring: {r_max: 4, reference: first}
workloads:
  mnist:
    target: {metric: accuracy, higher_is_better: true, validation: 0.9}
    max_runtime_seconds: 60
    eval_period_seconds: 2
    step_hint: 1000
"""
MANIFEST = """
name: {name}
authors: [the tests]
description: Made up.
batch_sizes: {{mini: {{mnist: 128}}}}
tuning:
  default: {tuning}
"""
POINTS = "{points: [{learning_rate: 0.001, nesterov: true, warmup_steps: 10}]}"
CODE = """\
HYPERPARAMETERS = {
    "learning_rate": {"meaning": "any"},
    "nesterov": {"type": "bool", "meaning": "any"},
    "warmup_steps": {"type": "int", "meaning": "any"},
}
"""
FIXED = "{fixed: {learning_rate: 0.001, nesterov: true, warmup_steps: 10}}"


def ruleset_file(folder: Path) -> Path:
    """Write the ruleset and return its path."""
    path = folder / "example.yaml"
    path.write_text(RULESET)
    return path


def source(name: str, tuning: str = POINTS) -> dict[str, bytes]:
    """Return the files of a submission."""
    manifest = MANIFEST.format(name=name, tuning=tuning)
    return {"submission.yaml": manifest.encode(), "submission.py": CODE.encode()}


def run(
    results: Results,
    path: Path,
    name: str,
    *,
    tuning: str = POINTS,
    state: TrialState = TrialState.TARGET_REACHED,
    **fields: Any,
) -> Trial:
    """Run a made-up trial of submission `name` under the ruleset in `path`."""
    files, ruleset = source(name, tuning), load_ruleset(path)
    fields = {
        "submission": name,
        "submission_sha256": digest_files(files),
        "rules": rules_record(ruleset),
        "state": state,
        **fields,
    }
    trial = make_trial(**fields)
    results.ledger.append("study", study_body(trial.record), results.key)
    results.run(trial, files)
    return trial


def rules_record(ruleset: Ruleset) -> RulesRecord:
    """Return what a record says about the ruleset."""
    return RulesRecord(
        ruleset=ruleset.name,
        ruleset_sha256=ruleset.sha256,
        scale="mini",
        target=Target(metric="accuracy", higher_is_better=True, validation=0.9),
        max_runtime_seconds=60.0,
        eval_period_seconds=2.0,
        step_hint=1000,
        schedule=SCHEDULE,
    )
