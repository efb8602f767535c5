"""Who says what runs next: a scheduler sees all trials and names one, or ends the study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kit.contracts.trial_id import TrialId
from kit.study.owed import Board


@dataclass(frozen=True)
class Run:
    """Run this trial; end it after `stop_after_seconds` of submission time where that is given."""

    id: TrialId
    stop_after_seconds: float | None = None
    rule: str = ""  # why no continuation beyond that could change a score
    evidence: tuple[str, ...] = ()  # sha256 of the attestations that justify it


@dataclass(frozen=True)
class Done:
    """Nothing is owed any more, or nothing that is owed could change a score."""


class Scheduler(Protocol):
    """Decides from the evidence alone, so that a study goes on the same after an interruption."""

    def next_decision(self, board: Board) -> Run | Done:
        """Return the next trial, which must be owed, or the end."""
        ...


class InOrder:
    """Runs all that is owed, in order and in full."""

    def next_decision(self, board: Board) -> Run | Done:
        """Return the first trial that is owed."""
        return Run(board.owed[0].id) if board.owed else Done()
