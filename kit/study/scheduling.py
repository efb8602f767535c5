"""What runs next: a scheduler sees all trials and names one, or ends the study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kit.contracts.trial_id import TrialId
from kit.planning.request import EarlyStop
from kit.study.owed import Board


@dataclass(frozen=True)
class Run:
    """Run this trial; end it early if a stop is given."""

    id: TrialId
    stop: EarlyStop | None = None

    @property
    def stop_after_seconds(self) -> float | None:
        """Return the submission time after which the trial ends; None: it runs in full."""
        return None if self.stop is None else self.stop.after_seconds


@dataclass(frozen=True)
class Done:
    """Nothing is left to start: all has run, runs now, or could not change a score."""


class Scheduler(Protocol):
    """Decides from the evidence alone, so that a study goes on the same after an interruption."""

    def next_decision(self, board: Board) -> Run | Done:
        """Return the next trial to start, which must be required and not running, or the end."""
        ...


class InOrder:
    """Runs all required trials, in order and in full."""

    def next_decision(self, board: Board) -> Run | Done:
        """Return the first trial that is required."""
        return Run(board.owed[0].id) if board.owed else Done()
