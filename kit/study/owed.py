"""Which trials are done, which are still owed, and what comes next: pure functions of the evidence.

Nothing is remembered between two runs of a study. Which attempt counts says
`kit.records.attempts`. A trial that was stopped early is finished, unless the study is to be
completed: then it is owed again until it has come to a result.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kit.contracts.trial_id import TrialId
from kit.records.attempts import Ruling, Tried, rule_on
from kit.records.record import TrialState

_FORFEITED = (TrialState.FAILED, TrialState.RULE_VIOLATION)


class Phase(enum.StrEnum):
    """Where a trial stands."""

    OWED = "owed"
    RUNNING = "running"
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
    stop_rule: str = ""  # why it was stopped early


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial; `state` is None where the ledger has no end of it."""

    number: int
    state: TrialState | None
    result: Result | None = None  # None also where an attempt left no record
    clock_started: bool = True

    @property
    def tried(self) -> Tried:
        """Return it as the rule about attempts needs it."""
        return Tried(self.number, self.state, self.clock_started)


@dataclass(frozen=True)
class Standing:
    """One trial with all attempts at it, in order."""

    id: TrialId
    attempts: tuple[Attempt, ...]
    max_attempts: int
    complete: bool = False  # what was stopped early is owed again
    running_seconds: float | None = None  # submission time so far; None: it does not run now

    @property
    def ruling(self) -> Ruling:
        """Return which attempt counts, and how many are used up."""
        return rule_on([a.tried for a in self.attempts], self.max_attempts)

    @property
    def decided(self) -> Attempt | None:
        """Return the attempt that counts."""
        deciding = self.ruling.deciding
        return None if deciding is None else self.attempts[deciding]

    @property
    def phase(self) -> Phase:
        """Return where the trial stands."""
        if self.running_seconds is not None:
            return Phase.RUNNING
        decided = self.decided
        stopped = decided is not None and decided.state is TrialState.STOPPED_EARLY
        if decided is not None and not (stopped and self.complete):
            return Phase.DONE
        return Phase.GIVEN_UP if self.attempts_left <= 0 else Phase.OWED

    @property
    def attempts_left(self) -> int:
        """Return how many attempts may still be used up."""
        return self.max_attempts - self.ruling.used

    @property
    def stopped_seconds(self) -> float:
        """Return the submission time up to which attempts that were stopped early had no result."""
        stopped = (self.attempts[position].result for position in self.ruling.stopped)
        return max((result.submission_seconds for result in stopped if result), default=0.0)

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

    def __getitem__(self, trial_id: TrialId) -> Standing:
        return next(standing for standing in self.standings if standing.id == trial_id)

    def in_phase(self, phase: Phase) -> tuple[Standing, ...]:
        """Return the trials that stand so, in order."""
        return tuple(standing for standing in self.standings if standing.phase is phase)

    def with_running(self, seconds: Mapping[TrialId, float]) -> Board:
        """Return the board with the trials that run now, and their submission time so far."""
        return Board(tuple(replace(s, running_seconds=seconds.get(s.id)) for s in self.standings))

    @property
    def owed(self) -> tuple[Standing, ...]:
        """Return the trials that are still to be started, in order."""
        return self.in_phase(Phase.OWED)


def board_of(
    trial_ids: Iterable[TrialId],
    attempts: Mapping[TrialId, Sequence[Attempt]],
    max_attempts: int,
    *,
    complete: bool = False,
) -> Board:
    """Return where every trial stands.

    Args:
        trial_ids: in the order in which they run.
        attempts: those that were started, by trial, in the order of their starts.
        max_attempts: how many may be used up at one trial.
        complete: trials that were stopped early are owed again.
    """
    return Board(
        tuple(Standing(s, tuple(attempts.get(s, ())), max_attempts, complete) for s in trial_ids)
    )
