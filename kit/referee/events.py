"""What an observer of a running trial is told: live view, plain lines and JSON are observers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kit.planning.request import TrialPlan
    from kit.records.record import Evaluation, TrialRecord


@dataclass(frozen=True)
class Progress:
    """A moment of the trial. `step` is the trainer's own count: for display only."""

    phase: str  # "setup", "training", "evaluating", "recording"
    step: int
    submission_seconds: float
    evaluation_seconds: float
    total_seconds: float


@dataclass(frozen=True)
class Outcome:
    """Where a finished trial lies, and the code that a reviewer can match."""

    record: TrialRecord
    evaluations: tuple[Evaluation, ...]
    folder: Path
    verdict_code: str
    key_name: str  # "development key" until an organiser's key is used
    attested: bool


class Observer(Protocol):
    """Receives events from the referee's thread; must return quickly and never raise."""

    def started(self, plan: TrialPlan, *, isolation: str, attempt: int, folder: Path) -> None: ...
    def note(self, message: str) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def evaluated(self, evaluation: Evaluation) -> None: ...
    def finished(self, outcome: Outcome) -> None: ...
