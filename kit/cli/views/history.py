"""What has been seen of a running trial so far: the model behind every view."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kit.cli.views.estimate import seconds_to_target
from kit.referee.events import Progress

if TYPE_CHECKING:
    from kit.planning.request import TrialPlan
    from kit.records.record import Evaluation

NOT_STARTED = Progress("setup", 0, 0.0, 0.0, 0.0)
SPEED_WINDOW_SECONDS = 5.0


@dataclass(frozen=True)
class Goal:
    """What the trial is after, and within which budget."""

    title: str  # "mnist · nadamw · ruleset mini · study 1 · trial 1"
    metric: str
    higher_is_better: bool
    target: float
    max_runtime_seconds: float
    step_hint: int

    @classmethod
    def of(cls, plan: TrialPlan) -> Goal:
        """Read the goal from a plan."""
        rules = plan.request.rules
        return cls(
            title=f"{plan.id.label} · {plan.submission.name} · ruleset {plan.ruleset.name}"
            f" · study {plan.id.study} · trial {plan.id.trial}",
            metric=rules.target.metric,
            higher_is_better=rules.target.higher_is_better,
            target=rules.target.validation,
            max_runtime_seconds=rules.max_runtime_seconds,
            step_hint=rules.step_hint,
        )

    @property
    def direction(self) -> str:
        """Return "≥" or "≤": how a metric reaches the target."""
        return "≥" if self.higher_is_better else "≤"

    def value(self, evaluation: Evaluation, split: str = "validation") -> float | None:
        """Return the goal's metric on one split, None when it was not measured."""
        return evaluation.metrics.get(f"{split}/{self.metric}")


@dataclass
class History:
    """Events so far. Every view feeds one and draws from it."""

    goal: Goal
    isolation: str
    attempt: int
    folder: Path
    latest: Progress = NOT_STARTED
    evaluations: list[Evaluation] = field(default_factory=list)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    _window: deque[Progress] = field(default_factory=deque)

    def add(self, progress: Progress) -> None:
        """Take note of a moment."""
        self.latest = progress
        if progress.phase != "training":
            return
        self._window.append(progress)
        while (
            len(self._window) > 2
            and progress.submission_seconds - self._window[1].submission_seconds
            >= SPEED_WINDOW_SECONDS
        ):
            self._window.popleft()

    @property
    def steps_per_second(self) -> float | None:
        """Return recent steps per second of submission time, None before there are any."""
        if not self._window:
            return None
        first, last = self._window[0], self._window[-1]
        elapsed = last.submission_seconds - first.submission_seconds
        if elapsed <= 0 or last.step <= first.step:
            return None
        return (last.step - first.step) / elapsed

    @property
    def fraction_of_way(self) -> float:
        """Return how much of the way from the first evaluation to the target is done, 0 to 1."""
        values = [v for v in map(self.goal.value, self.evaluations) if v is not None and v == v]
        if not values:
            return 0.0
        best = max(values) if self.goal.higher_is_better else min(values)
        distance = self.goal.target - values[0]
        if distance == 0 or (distance > 0) != self.goal.higher_is_better:
            return 1.0
        return min(1.0, max(0.0, (best - values[0]) / distance))

    @property
    def seconds_to_target(self) -> float | None:
        """Return the estimated submission seconds from now to the target, None if unknown."""
        points = [
            (e.submission_seconds, v)
            for e in self.evaluations
            if (v := self.goal.value(e)) is not None
        ]
        goal = self.goal
        ahead = seconds_to_target(points, goal.target, higher_is_better=goal.higher_is_better)
        if ahead is None:
            return None
        since = max(0.0, self.latest.submission_seconds - points[-1][0])
        return max(0.0, ahead - since)

    def shown_metrics(self, evaluation: Evaluation) -> Mapping[str, float]:
        """Return the goal's metric on train and validation, as far as it was measured."""
        values = {split: self.goal.value(evaluation, split) for split in ("train", "validation")}
        return {split: value for split, value in values.items() if value is not None}
