"""How long what is owed will take, and what it costs: by the budgets at most, and as measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Measure:
    """What one finished trial took on this machine."""

    submission_seconds: float
    total_seconds: float  # evaluations and set-up included


@dataclass(frozen=True)
class Estimate:
    """Seconds for a number of trials.

    `at_most_seconds` is submission time: the sum of the budgets. `expected_seconds` is time in all
    of those trials whose workload was measured; None where no workload was.
    """

    trials: int
    at_most_seconds: float
    expected_seconds: float | None
    unmeasured_trials: int

    @property
    def at_most_hours(self) -> float:
        """Return the sum of the budgets in hours."""
        return self.at_most_seconds / HOUR_SECONDS

    @property
    def expected_hours(self) -> float | None:
        """Return the expected hours of what was measured."""
        return None if self.expected_seconds is None else self.expected_seconds / HOUR_SECONDS

    def cost(self, per_hour: float) -> tuple[float, float | None]:
        """Return the cost of the budgets, and of the expected hours."""
        expected = self.expected_hours
        return self.at_most_hours * per_hour, None if expected is None else expected * per_hour


def estimate(
    owed: Iterable[str], budgets: Mapping[str, float], measures: Mapping[str, Sequence[Measure]]
) -> Estimate:
    """Estimate what the trials that are owed will take.

    Args:
        owed: the workload or variant of each trial.
        budgets: seconds of submission time, by workload or variant.
        measures: finished trials of this machine, by workload or variant.
    """
    labels = list(owed)
    means = {
        label: statistics.fmean(measure.total_seconds for measure in taken)
        for label, taken in measures.items()
        if taken
    }
    measured = [label for label in labels if label in means]
    return Estimate(
        trials=len(labels),
        at_most_seconds=sum(budgets[label] for label in labels),
        expected_seconds=sum(means[label] for label in measured) if measured else None,
        unmeasured_trials=len(labels) - len(measured),
    )


def together(first: Estimate, second: Estimate) -> Estimate:
    """Return the estimate of two sets of trials, one run after the other."""
    expected = [e.expected_seconds for e in (first, second) if e.expected_seconds is not None]
    return Estimate(
        trials=first.trials + second.trials,
        at_most_seconds=first.at_most_seconds + second.at_most_seconds,
        expected_seconds=sum(expected) if expected else None,
        unmeasured_trials=first.unmeasured_trials + second.unmeasured_trials,
    )
