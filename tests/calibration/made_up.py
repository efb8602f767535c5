"""Runs, questions and answers that nobody measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kit.calibration.derived import Steps
from kit.calibration.document import Answer, Question
from kit.calibration.runs import CalibrationRun, Point
from kit.calibration.targets import budget, targets
from kit.records.record import TrialState

END = TrialState.COMPLETED_WITHOUT_TARGET


def run(
    *validation: float,
    test: Sequence[float | None] | None = None,
    state: TrialState | None = END,
    number: int = 1,
    submission: str = "adamw",
    seconds: float = 10.0,
    evaluation_seconds: float = 0.3,
) -> CalibrationRun:
    """Return a run of `seconds` with evaluations at steps 1, 100, 200, …."""
    count = len(validation)
    tests = validation if test is None else test
    return CalibrationRun(
        submission,
        number,
        {"learning_rate": 0.1 * number},
        state,
        tuple(
            Point(max(1, 100 * i), seconds * (i + 1) / count, evaluation_seconds, v, t)
            for i, (v, t) in enumerate(zip(validation, tests, strict=True))
        ),
        "ab" * 32,
    )


def question(**changes: Any) -> Question:
    """Return a question about mnist at the mini scale."""
    fields: dict[str, Any] = {
        "ruleset": "mini",
        "ruleset_sha256": "cd" * 32,
        "scale": "mini",
        "workload": "mnist",
        "variant": None,
        "metric": "accuracy",
        "higher_is_better": True,
        "scored": False,
        "steps": Steps.spaced(300, 3),
        "seeds": 3,
        "slack": 4 / 3,
        "trials": 2,
        "submissions": ("adamw", "nadamw"),
        "spaces": "spaces.yaml, sha256 12",
    }
    return Question(**{**fields, **changes})


def answer(asked: Question, repetitions: Sequence[CalibrationRun], **changes: Any) -> Answer:
    """Return what follows from repetitions, tuned with one run of each submission."""
    higher = asked.higher_is_better
    facts = {
        "machines": ["2 × a processor"],
        "isolation": ["process"],
        "kit_version": ["0.1.0"],
        "source": ["abcdef"],
        "versions": ["Python 3.11.7"],
        "image_digest": ["none"],
        "lock_sha256": {"cpu.lock": ["34" * 32]},
        "begun_at": "2026-01-01T10:00:00Z",
        "ended_at": "2026-01-02T10:00:00Z",
        "records": 5,
        "ledger_head": "56" * 32,
    }
    tuning = tuple(run(0.4 + i / 10, submission=n) for i, n in enumerate(asked.submissions))
    return Answer(
        setting=tuning[-1],
        tuning=tuning,
        repetitions=tuple(repetitions),
        targets=targets(repetitions, higher_is_better=higher),
        budget=budget(repetitions, steps=asked.steps.total, slack=asked.slack),
        circumstances={**facts, **changes},
    )
