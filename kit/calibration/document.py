"""`calibration.json`: everything a calibration found, for programs and for `--setting`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit.calibration.derived import Steps
from kit.calibration.runs import CalibrationRun, Point
from kit.calibration.targets import Budget, Targets

FORMAT = "stopwatch/calibration/1"


@dataclass(frozen=True)
class Question:
    """What a calibration was asked."""

    ruleset: str
    ruleset_sha256: str
    scale: str
    workload: str
    variant: str | None
    metric: str
    higher_is_better: bool
    scored: bool
    steps: Steps
    seeds: int
    slack: float
    trials: int  # of each submission; 0 where the setting was given
    submissions: tuple[str, ...]
    spaces: str  # the file they were drawn from, and its digest
    setting_from: str | None = None  # where the setting was taken from instead of tuning

    @property
    def label(self) -> str:
        """Return "fastmri" or "fastmri_tanh"."""
        return f"{self.workload}_{self.variant}" if self.variant else self.workload


@dataclass(frozen=True)
class Answer:
    """What it found, and the circumstances."""

    setting: CalibrationRun  # the best run of the tuning; without a curve where it was given
    tuning: tuple[CalibrationRun, ...]
    repetitions: tuple[CalibrationRun, ...]
    targets: Targets
    budget: Budget
    circumstances: Mapping[str, Any]


def as_dict(question: Question, answer: Answer) -> dict[str, Any]:
    """Return the content of `calibration.json`; what is not finite is null."""
    higher = question.higher_is_better
    found, spent = answer.targets, answer.budget
    content = {
        "format": FORMAT,
        "workload": question.workload,
        "variant": question.variant,
        "scale": question.scale,
        "ruleset": {"name": question.ruleset, "sha256": question.ruleset_sha256},
        "metric": question.metric,
        "higher_is_better": higher,
        "procedure": _procedure(question),
        "setting": {
            "submission": answer.setting.submission,
            "hyperparameters": dict(answer.setting.hyperparameters),
            "best_validation": answer.setting.best(higher_is_better=higher),
        },
        "target": {"validation": found.validation, "test": found.test},
        "max_runtime_seconds": spent.max_runtime_seconds,
        "eval_period_seconds": spent.eval_period_seconds,
        "step_hint": spent.step_hint,
        "measured": _measured(found, spent),
        "circumstances": dict(answer.circumstances),
        "tuning": [_run(run, None, higher) for run in answer.tuning],
        "repetitions": [
            _run(run, point, higher)
            for run, point in zip(answer.repetitions, found.reached, strict=True)
        ],
    }
    finite: dict[str, Any] = _finite(content)
    return finite


def _procedure(question: Question) -> dict[str, Any]:
    return {
        "submissions": list(question.submissions),
        "trials": question.trials,
        "seeds": question.seeds,
        "steps": question.steps.total,
        "evaluate_at_steps": list(question.steps.evaluate_at),
        "slack": question.slack,
        "spaces": question.spaces,
        "setting_from": question.setting_from,
    }


def _measured(found: Targets, spent: Budget) -> dict[str, Any]:
    return {
        "best_validation": list(found.best),
        "median_best_validation": found.median,
        "reaching": found.reaching,
        "run_seconds": spent.run_seconds,
        "evaluation_seconds": spent.evaluation_seconds,
        "evaluation_share": spent.evaluation_share,
    }


def encode(content: Mapping[str, Any]) -> bytes:
    """Return the bytes of `calibration.json`."""
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest of the finite values, of which there must be one."""
    finite = [value for value in values if math.isfinite(value)]
    return min(finite), max(finite)


def _run(run: CalibrationRun, reached: Point | None, higher: bool) -> dict[str, Any]:
    content = {
        "submission": run.submission,
        "number": run.number,
        "state": run.state.value if run.state else None,
        "hyperparameters": dict(run.hyperparameters),
        "best_validation": run.best(higher_is_better=higher),
        "submission_seconds": run.submission_seconds,
        "attestation_sha256": run.attestation_sha256,
        "folder": run.folder,
    }
    if reached is not None:
        content["target_reached"] = {
            "step": reached.step,
            "submission_seconds": reached.submission_seconds,
            "validation": reached.validation,
            "test": reached.test,
        }
    return content


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
