"""What is known of a running study: the model behind every view of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kit.cli.views import wording
from kit.records.record import TrialState
from kit.study.owed import Phase

if TYPE_CHECKING:
    from kit.contracts.trial_id import TrialId
    from kit.study.assignment import Assignment
    from kit.study.owed import Board, Standing
    from kit.study.scheduling import Run

OWED, GIVEN_UP, NEEDLESS = "·", "∞ cut", "–"
_MISSES = {
    TrialState.OUT_OF_TIME: "∞",
    TrialState.COMPLETED_WITHOUT_TARGET: "∞ end",
    TrialState.FAILED: "∞ fail",
    TrialState.RULE_VIOLATION: "∞ rule",
}
LEGEND = (
    "∞ target missed; end: ended by itself, fail: failed, rule: broke a rule, cut: interrupted too"
    " often; ≥ stopped early, – not needed: neither could change a score; · owed"
)


@dataclass
class StudyProgress:
    """The study as it stands, and the trial that runs now."""

    assignment: Assignment
    board: Board
    now: Callable[[], float] = time.monotonic
    began_at: float = field(init=False)
    run: Run | None = None
    attempt: int = 0
    phase: str = "starting"
    step: int = 0
    submission_seconds: float = 0.0
    metric: str = ""  # the latest validation metric, in words

    def __post_init__(self) -> None:
        self.began_at = self.now()

    def started(self, run: Run, attempt: int) -> None:
        """Take note that a trial starts."""
        self.run, self.attempt = run, attempt
        self.phase, self.step, self.submission_seconds, self.metric = "starting", 0, 0.0, ""

    def event(self, fields: Mapping[str, Any]) -> None:
        """Take note of what the trial tells."""
        if fields["event"] == "progress":
            self.phase, self.step = str(fields["phase"]), int(fields["step"])
            self.submission_seconds = float(fields["submission_seconds"])
        elif fields["event"] == "evaluated" and self.run is not None:
            target = self.assignment.part_of(self.run.id).rules.target
            value = float(fields["metrics"].get(f"validation/{target.metric}", math.nan))
            sign = "≥" if target.higher_is_better else "≤"
            self.metric = (
                f"validation {target.metric} {wording.metric(value)} (target {sign} "
                f"{wording.metric(target.validation)})"
            )

    def ended(self, board: Board) -> None:
        """Take note that no trial runs."""
        self.board, self.run = board, None

    @property
    def elapsed_seconds(self) -> float:
        """Return the time since this command began."""
        return self.now() - self.began_at

    @property
    def budget_seconds(self) -> float:
        """Return the submission time that the trial that runs now has at most."""
        if self.run is None:
            return 0.0
        stop = self.run.stop_after_seconds
        budget = self.budget_of(self.run.id)
        return budget if stop is None else min(budget, stop)

    @property
    def remaining_seconds(self) -> float:
        """Return the submission time that is left at most: the budgets of what is owed."""
        owed = sum(self.budget_of(standing.id) for standing in self.board.owed)
        return max(0.0, owed - self.submission_seconds if self.run else owed)

    def budget_of(self, trial_id: TrialId) -> float:
        """Return the seconds of submission time that a trial has."""
        return self.assignment.part_of(trial_id).rules.max_runtime_seconds

    @property
    def finished(self) -> int:
        """Return how many trials nothing is owed of any more."""
        return sum(s.phase in (Phase.DONE, Phase.GIVEN_UP) for s in self.board.standings)


def cell(standing: Standing) -> str:
    """Return where a trial stands in at most eight characters."""
    decided = standing.decided
    if decided is None:
        return GIVEN_UP if standing.phase is Phase.GIVEN_UP else OWED
    result = decided.result
    if decided.state is TrialState.TARGET_REACHED and result is not None:
        return short_time(result.time_to_target_seconds or 0.0)
    if decided.state is TrialState.STOPPED_EARLY and result is not None:
        seconds = standing.stopped_seconds
        return f"≥{short_time(seconds)}" if seconds > 0 else NEEDLESS
    return _MISSES.get(decided.state or TrialState.FAILED, "∞")


def short_time(seconds: float) -> str:
    """Return "0.42s", "41.3s", "3m20s" or "2h05m"."""
    if not math.isfinite(seconds):
        return "∞"
    if seconds < 99.95:
        return f"{seconds:.2f}s" if seconds < 9.995 else f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
