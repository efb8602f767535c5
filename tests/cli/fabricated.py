"""Plans, evaluations and outcomes as a referee would hand them over, made up for tests."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.records.record import (
    NANOSECONDS,
    Evaluation,
    RulesRecord,
    SeedsRecord,
    Segment,
    TrainerReport,
    TrialRecord,
    TrialState,
)
from kit.referee.events import Outcome
from tests.records.factory import FORMAT_2, SCHEDULE

TARGET = Target(metric="accuracy", higher_is_better=True, validation=0.95, test=0.94)
FOLDER = Path("/home/ada/stopwatch/results/mini/nadamw/mnist/study_1/trial_1")
PROJECT = Path("/home/ada/stopwatch")
REQUEST = ("--workload", "mnist", "--submission", "nadamw")


def plan(**changes: Any) -> Any:
    """Return what the views read of a `TrialPlan`."""
    target = changes.pop("target", TARGET)
    fields: dict[str, Any] = {
        "unofficial_reasons": (),
        "rules": SimpleNamespace(target=target, max_runtime_seconds=60.0, step_hint=3000),
    }
    return SimpleNamespace(
        id=TrialId("mini", "nadamw", "mnist", None, 1, 1),
        submission=SimpleNamespace(name="nadamw"),
        ruleset=SimpleNamespace(name="mini"),
        request=SimpleNamespace(**(fields | changes)),
    )


def evaluation(index: int, step: int, at: float, value: float, **changes: Any) -> Evaluation:
    """Return an evaluation `at` seconds with validation accuracy `value`, 0.01 more on train."""
    fields: dict[str, Any] = {
        "index": index,
        "step": step,
        "submission_ns": round(at * NANOSECONDS),
        "total_ns": round((at + 8) * NANOSECONDS),
        "evaluation_ns": NANOSECONDS // 2,
        "due_ns": round(at * NANOSECONDS) - 10_000_000,
        "freeze_ns": 2_000_000,
        "pause_cpu_seconds": 0.0,
        "distance_from_initial": 3.5 * index,
        "finite": True,
        "weights_sha256": "0" * 64,
        "metrics": {
            "train/accuracy": value + 0.01,
            "validation/accuracy": value,
            "test/accuracy": value - 0.01,
        },
    }
    return Evaluation(**(fields | changes))


EVALUATIONS = (
    evaluation(1, 1, 3.1, 0.1020),
    evaluation(2, 420, 6.2, 0.8760),
    evaluation(3, 850, 9.3, 0.9210),
    evaluation(4, 1290, 12.4, 0.9530),
)


def record(**changes: Any) -> TrialRecord:
    """Return a trial that reached its target with a development key."""
    fields: dict[str, Any] = {
        "kit_version": "0.1.0",
        "started_at": "2026-01-01T10:00:00Z",
        "ended_at": "2026-01-01T10:00:23Z",
        "rules": RulesRecord(
            ruleset="mini",
            ruleset_sha256="0" * 64,
            scale="mini",
            target=TARGET,
            max_runtime_seconds=60.0,
            eval_period_seconds=3.0,
            step_hint=3000,
            schedule=SCHEDULE,
        ),
        "workload": "mnist",
        "variant": None,
        "submission": "nadamw",
        "submission_sha256": "0" * 64,
        "study": 1,
        "trial": 1,
        "attempt": 1,
        "hyperparameters": {"learning_rate": 0.002, "beta1": 0.9},
        "batch_size": 128,
        "seeds": SeedsRecord(
            secret="s", commitment="c" * 64, initialization=1, data=2, algorithm=3
        ),
        "official": True,
        "unofficial_reasons": [],
        "isolation": "bubblewrap",
        "state": TrialState.TARGET_REACHED,
        "reason": "Validation accuracy reached the target at evaluation 4.",
        "time_to_target_seconds": 12.4,
        "steps": 1290,
        "submission_seconds": 12.4,
        "segments": [
            Segment(phase="setup", start_ns=0, end_ns=7 * NANOSECONDS),
            Segment(phase="submission", start_ns=7 * NANOSECONDS, end_ns=19_400_000_000),
            Segment(phase="evaluation", start_ns=19_400_000_000, end_ns=21_400_000_000),
        ],
        "trainer_report": TrainerReport(compile_seconds=2.3, handover_seconds=0.1),
        "peak_trainer_memory_bytes": 812_000_000,
        **FORMAT_2,
    }
    return TrialRecord(**(fields | changes))


def outcome(
    evaluations: tuple[Evaluation, ...] = EVALUATIONS,
    *,
    key_name: str = "development key",
    attested: bool = True,
    **changes: Any,
) -> Outcome:
    """Return the outcome of `record(**changes)`."""
    return Outcome(record(**changes), evaluations, FOLDER, "K7QF-2M4P", key_name, attested)
