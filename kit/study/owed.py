"""Which trials are done, which are still owed, and what comes next: pure functions of the evidence.

Nothing is remembered between two runs of a study. An attempt is *open* when it has no end or was
interrupted; it may be repeated until `max_attempts` were started. The first attempt among these
that came to a result decides the trial, whatever the result is. Scoring counts by the same rule.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kit.records.record import TrialState
from kit.scoring.trial import Slot

OPEN = (None, TrialState.INTERRUPTED)  # states after which an attempt may be repeated
_FORFEITED = (TrialState.FAILED, TrialState.RULE_VIOLATION)


class Phase(enum.StrEnum):
    """Where a trial stands."""

    OWED = "owed"
    DONE = "done"
    GIVEN_UP = "given_up"  # interrupted as often as the ruleset allows: counts as missed


@dataclass(frozen=True)
class Result:
    """What the record of a finished attempt says."""

    time_to_target_seconds: float | None  # None: the target was missed
    submission_seconds: float
    total_seconds: float  # on the referee's clock, evaluations and set-up included
    attestation_sha256: str
    folder: str
    unofficial_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial; `state` is None where the ledger has no end of it."""

    number: int
    state: TrialState | None
    result: Result | None = None  # None also where an attempt left no record


@dataclass(frozen=True)
class Standing:
    """One trial with all attempts at it, in order."""

    slot: Slot
    attempts: tuple[Attempt, ...]
    max_attempts: int

    @property
    def decided(self) -> Attempt | None:
        """Return the attempt that counts."""
        allowed = (a for a in self.attempts if a.number <= self.max_attempts)
        return next((a for a in allowed if a.state not in OPEN), None)

    @property
    def phase(self) -> Phase:
        """Return where the trial stands."""
        if self.decided is not None:
            return Phase.DONE
        spent = len(self.attempts) >= self.max_attempts
        return Phase.GIVEN_UP if spent else Phase.OWED

    @property
    def next_attempt(self) -> int:
        """Return the number that the referee will give to another attempt."""
        return len(self.attempts) + 1

    @property
    def is_forfeited(self) -> bool:
        """Tell whether the trial counts as missed because something went wrong with it."""
        decided = self.decided
        failed = decided is not None and decided.state in _FORFEITED
        return failed or self.phase is Phase.GIVEN_UP


@dataclass(frozen=True)
class Board:
    """All trials of an assignment in the order in which they run."""

    standings: tuple[Standing, ...]

    def __getitem__(self, slot: Slot) -> Standing:
        return next(standing for standing in self.standings if standing.slot == slot)

    def in_phase(self, phase: Phase) -> tuple[Standing, ...]:
        """Return the trials that stand so, in order."""
        return tuple(standing for standing in self.standings if standing.phase is phase)

    @property
    def owed(self) -> tuple[Standing, ...]:
        """Return the trials that are still to be run, in order."""
        return self.in_phase(Phase.OWED)


def board_of(
    slots: Iterable[Slot], attempts: Mapping[Slot, Sequence[Attempt]], max_attempts: int
) -> Board:
    """Return where every trial stands.

    Args:
        slots: in the order in which they run.
        attempts: those that were started, by trial, in the order of their starts.
        max_attempts: how many may be started at one trial.
    """
    return Board(tuple(Standing(s, tuple(attempts.get(s, ())), max_attempts) for s in slots))
