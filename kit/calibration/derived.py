"""The ruleset and the submissions that calibration runs are trials of: ordinary files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kit.errors import UsageError
from kit.records.atomic import create_atomic, disk_errors
from kit.rules.ruleset import Ruleset
from kit.rules.submission import Submission

UNREACHABLE = 1e9  # in size; no metric of ours comes near, whichever direction is better
MAX_RUNTIME_SECONDS = 7 * 86_400.0  # a run ends at its last step; this only ends one that hangs
MAX_ATTEMPTS = 20  # a repeated attempt has the same point and seeds, so nothing is gained by it


@dataclass(frozen=True)
class Steps:
    """How long runs train and where they are evaluated."""

    total: int
    evaluate_at: tuple[int, ...]

    @classmethod
    def spaced(cls, total: int, evaluations: int) -> Steps:
        """Return evaluations after step 1, as everywhere, and at even distances up to the end."""
        even = {round(total * k / evaluations) for k in range(1, evaluations + 1)}
        return cls(total, tuple(sorted({1, total} | even - {0})))


@dataclass(frozen=True)
class Stage:
    """One part of a calibration: a ruleset's name, and how many studies and trials it owes."""

    ruleset: str
    studies: int
    trials: int


def derived_ruleset(
    base: Ruleset, stage: Stage, *, workload: str, variant: str | None, steps: Steps
) -> bytes:
    """Return a ruleset like `base` whose trials of one workload end at their last step.

    Its target cannot be reached, nothing is held out, and its step hint is the run's length. No
    number that a calibration sets is taken from `base`, so that it goes on after `base` was given
    the numbers of another one.
    """
    rules = base.workloads[workload].for_variant(variant)
    higher = rules.target.higher_is_better
    target = {
        "metric": rules.target.metric,
        "higher_is_better": higher,
        "validation": UNREACHABLE if higher else -UNREACHABLE,
    }
    where = ", ".join(f"{step:,}" for step in steps.evaluate_at)
    content = base.model_dump(mode="json", exclude_none=True, exclude={"held_out", "planned"})
    content |= {
        "name": stage.ruleset,
        "version": base.version,
        "description": f"Target setting; runs end at step {steps.total:,}, evaluated after {where}",
        "source": f"kit calibrate, after ruleset {base.name}",
        "tuning": {
            "external": {"studies": stage.studies, "trials": stage.trials},
            "self_tuning": {"studies": stage.studies, "runtime_factor": 1.0},
        },
        "max_attempts": MAX_ATTEMPTS,
        "workloads": {
            workload: {
                "target": target,
                "max_runtime_seconds": MAX_RUNTIME_SECONDS,
                "eval_period_seconds": MAX_RUNTIME_SECONDS,  # evaluations come at chosen steps
                "step_hint": steps.total,
                "scored": rules.scored,
                "variants": {} if variant is None else {variant: {}},
            }
        },
    }
    return _yaml(content)


def derived_submission(
    submission: Submission, stage: Stage, points: Sequence[Mapping[str, Any]]
) -> dict[str, bytes]:
    """Return the files of a submission with a declared list of points, its code as it is."""
    manifest = submission.manifest.model_dump(mode="json", exclude_none=True)
    listed = [dict(point) for point in points]
    manifest["tuning"] = {stage.ruleset: {"points": listed}}
    return {**submission.contents, "submission.yaml": _yaml(manifest)}


def settle(files: Mapping[Path, bytes], output: Path) -> None:
    """Write files that are not there yet; what is there must be the same.

    Raises:
        UsageError: a file differs, so the folder belongs to another calibration.
        TrialError: a file cannot be written.
    """
    for path, content in files.items():
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            existing = path.read_bytes() if path.exists() else None
        if existing is None:
            create_atomic(path, content)
        elif existing != content:
            raise UsageError(
                f"{output} holds a calibration that was begun with other settings, or another "
                f"version of its ruleset or submissions: {path.relative_to(output)} differs. "
                "Repeat the first command, or choose another --output."
            )


def _yaml(content: Mapping[str, Any]) -> bytes:
    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
    return text.encode("utf-8")
