"""A project with two workloads, two rulesets and three submissions, below a temporary folder."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kit import paths
from kit.errors import InvalidFile
from kit.schema.strict_yaml import parse

RULESET = """\
name: tiny
version: "1"
description: For tests.
source: these tests
scale: mini
hardware: any
isolation: process
evaluation: {device: cpu, memory_share: 0.5}
tuning:
  external: {studies: 3, trials: 4}
  self_tuning: {studies: 2, runtime_factor: 1.5}
evaluations: {schedule: fixed, late_seconds: 2, late_period_share: 0.05}
pause_cpu_tolerance_seconds: 0.1
pause_cpu_clock: ticks
submission_limits:
  max_bytes: 10000
  max_compressed_bytes: 5000
  suffixes: [.py, .yaml, .md, .txt, .lock]
held_out: {base_workloads: 1, variants: {digits: [silu]}}
scoring: {r_max: 4, reference: tuned}
workloads:
  digits:
    target: {metric: accuracy, higher_is_better: true, validation: 0.9, test: 0.8}
    max_runtime_seconds: 20
    eval_period_seconds: 2
    step_hint: 100
    variants:
      silu: {target: {validation: 0.7}, step_hint: 50}
      gelu: {}
  speech:
    target: {metric: wer, higher_is_better: false, validation: 0.1}
    max_runtime_seconds: 20
    eval_period_seconds: 2
    step_hint: 100
planned: [translation]
"""
MANIFEST = """\
name: {name}
authors: [Ada Lovelace]
paper: https://example.org/paper
description: For tests.
batch_sizes:
  mini: {{digits: 32, digits_silu: 16}}
tuning:
  {tuning}
"""
SEARCH_SPACE = """\
default:
  search_space:
    learning_rate: {min: 1e-4, max: 1e-2, scaling: log}
    beta: {feasible_points: [0.9, 0.99]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the project and let `kit.paths` point into it."""
    for name in ("WORKLOADS", "SUBMISSIONS", "RULES"):
        folder = tmp_path / name.lower()
        folder.mkdir()
        monkeypatch.setattr(paths, name, folder)
    monkeypatch.setattr(paths, "PROJECT", tmp_path)
    (tmp_path / "rules" / "tiny.yaml").write_text(RULESET)
    full = RULESET.replace("name: tiny", "name: huge").replace("scale: mini", "scale: full")
    (tmp_path / "rules" / "huge.yaml").write_text(full)
    workload = tmp_path / "workloads" / "digits" / "workload.yaml"
    workload.parent.mkdir()
    workload.write_text(
        "description: Digits.\nmetric: accuracy\nloss_type: softmax_cross_entropy\n"
        "scales: {mini: {}}\nvariants: {silu: {}, tanh: {}}\n"
    )
    return tmp_path


def declared_for(manifest: str) -> dict[str, dict[str, Any]]:
    """Return a declaration of all hyperparameters that a manifest sets."""
    try:
        tunings = parse(manifest.encode(), Path("submission.yaml"))["tuning"].values()
    except (InvalidFile, AttributeError):
        return {}  # a test of what a wrong manifest is told
    places = [t.get("points", [t.get("fixed"), t.get("search_space")]) for t in tunings]
    values = {
        name: value for place in places for point in place if point for name, value in point.items()
    }
    kinds = {bool: {"type": "bool"}, str: {"type": "str"}, type(None): {"default": None}}
    return {name: {**kinds.get(type(v), {}), "meaning": "any"} for name, v in values.items()}


@pytest.fixture
def add_submission(project: Path) -> Callable[..., Path]:
    """Return a function that adds a submission and returns its folder."""

    def add(
        name: str = "tuned", tuning: str = SEARCH_SPACE, files: Mapping[str, bytes] | None = None
    ) -> Path:
        folder = project / "submissions" / name
        folder.mkdir()
        manifest = MANIFEST.format(name=name, tuning=textwrap.indent(tuning, "  ").strip())
        (folder / "submission.yaml").write_text(manifest)
        code = f"HYPERPARAMETERS = {declared_for(manifest)!r}\nraise RuntimeError('imported')\n"
        (folder / "submission.py").write_text(code)
        for path, content in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return folder

    return add
