"""What is known at one moment of a competition: for every trial an interval of possible times.

A trial that has not started has [0, ∞], one that runs [its submission time so far, ∞], one that
was stopped early keeps the interval it had then, and a finished one has a single time. Decisions
follow from these intervals and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from kit.contracts.trial_id import TrialId
from kit.scoring.gates import Flags
from kit.scoring.results import Floats, Results
from kit.scoring.rules import ScoringRules
from kit.scoring.times import median_over_studies
from kit.scoring.trial import INFINITY, Outcome

BASE, VARIANT = 0, 1


class Cell(NamedTuple):
    """One submission on one base workload (side 0) or on its held-out variant (side 1)."""

    submission: int
    base: int
    side: int

    @property
    def other_side(self) -> Cell:
        """Return the variant of a base workload, the base workload of a variant."""
        return self._replace(side=1 - self.side)


class Place(NamedTuple):
    """A trial by its position in the arrays, everything counted from 0."""

    submission: int
    base: int
    side: int
    study: int
    trial: int

    @property
    def cell(self) -> Cell:
        """Return submission, workload and side."""
        return Cell(self.submission, self.base, self.side)


@dataclass(frozen=True)
class Situation:
    """The input of a decision.

    Attributes:
        results: trials that have ended, of everyone: finished, forfeited or stopped early. Those
            of `scheduled` that are not there are owed.
        scheduled: the submissions whose trials are to be run.
        running: submission time so far, in seconds, of the trials that run now.
        field_closed: every submission that will be scored takes part in `results`, and what is not
            there of those that are not scheduled stays missing. Without it, others may come later
            with any times, and only rules are used that hold whatever they do.
    """

    results: Results
    scheduled: tuple[str, ...]
    running: Mapping[TrialId, float] = field(default_factory=dict)
    field_closed: bool = False


@dataclass(frozen=True)
class Column:
    """Intervals of the medians of all submissions on one workload; each of shape (submissions,)."""

    base_lowest: Floats
    base_highest: Floats
    variant_lowest: Floats  # 0 where no variant gates, so that everyone passes
    variant_highest: Floats

    @property
    def possibly_alive(self) -> Flags:
        """Tell who may turn out to be within its own budgets, base and variant."""
        return np.asarray(np.isfinite(self.base_lowest) & np.isfinite(self.variant_lowest))

    @property
    def certainly_alive(self) -> Flags:
        """Tell who is within its own budgets whatever happens."""
        return np.asarray(np.isfinite(self.base_highest) & np.isfinite(self.variant_highest))


@dataclass(frozen=True)
class Knowledge:
    """Arrays of shape (submissions, base workloads, 2, studies, trials); see `Place`."""

    rules: ScoringRules
    submissions: tuple[str, ...]
    first_study: Mapping[str, int]
    first_trial: Mapping[str, int]
    scheduled: tuple[int, ...]
    field_closed: bool
    lowest: Floats
    highest: Floats
    ended: Flags
    running: Flags

    def after(self, place: Place, outcome: Outcome) -> Knowledge:
        """Return what is known once a trial has ended."""
        lowest, highest, ended = self.lowest.copy(), self.highest.copy(), self.ended.copy()
        lowest[place], highest[place], ended[place] = outcome.lowest, outcome.highest, True
        return replace(self, lowest=lowest, highest=highest, ended=ended)

    def column(self, base: int) -> Column:
        """Return the medians on one workload."""
        gated = self.rules.gated[base]
        lowest = median_over_studies(self.lowest[:, base])  # (submissions, 2)
        highest = median_over_studies(self.highest[:, base])
        nothing = np.zeros(len(self.submissions))
        return Column(
            lowest[:, BASE],
            highest[:, BASE],
            lowest[:, VARIANT] if gated else nothing,
            highest[:, VARIANT] if gated else nothing,
        )

    def cells(self, base: int, side: int) -> Iterator[Cell]:
        """Yield the scheduled submissions' cells, if the rules have such a workload."""
        if side == BASE or self.rules.gated[base]:
            for submission in self.scheduled:
                yield Cell(submission, base, side)

    def variant_of(self, cell: Cell | Place) -> str | None:
        """Return the name of the variant, None for a base workload."""
        return self.rules.held_out[self.rules.bases[cell.base]] if cell.side == VARIANT else None

    def budget_seconds(self, cell: Cell | Place) -> float:
        """Return the budget of a cell's trials."""
        return self.rules.goals[self.rules.bases[cell.base], self.variant_of(cell)].budget_seconds

    def trial_id(self, place: Place) -> TrialId:
        """Return a place as results name it."""
        name = self.submissions[place.submission]
        return TrialId(
            self.rules.ruleset,
            name,
            self.rules.bases[place.base],
            self.variant_of(place),
            place.study + self.first_study[name],
            place.trial + self.first_trial[name],
        )

    def place(self, trial_id: TrialId) -> Place:
        """Return where a trial is in the arrays."""
        return Place(
            self.submissions.index(trial_id.submission),
            self.rules.bases.index(trial_id.workload),
            BASE if trial_id.variant is None else VARIANT,
            trial_id.study - self.first_study[trial_id.submission],
            trial_id.trial - self.first_trial[trial_id.submission],
        )


def knowledge_of(situation: Situation) -> Knowledge:
    """Return what a situation lets one know.

    A trial of somebody else that is not there is open, unless the field is closed: then it counts
    as missed, as scoring counts it.
    """
    results = situation.results
    names = results.submissions
    times = results.times()
    scheduled = tuple(names.index(name) for name in sorted(situation.scheduled))
    ended = np.zeros(times.lowest.shape, dtype=bool)
    known = Knowledge(
        rules=results.rules,
        submissions=names,
        first_study=results.first_study,
        first_trial=results.first_trial,
        scheduled=scheduled,
        field_closed=situation.field_closed,
        lowest=times.lowest,
        highest=times.highest,
        ended=ended,
        running=np.zeros_like(ended),
    )
    for trial_id in results.trials:
        ended[known.place(trial_id)] = True
    for row in range(len(names)):
        if row in scheduled or not situation.field_closed:
            known.lowest[row][~ended[row]] = 0.0
            known.highest[row][~ended[row]] = INFINITY
    for trial_id, seconds in situation.running.items():
        place = known.place(trial_id)
        known.lowest[place], known.running[place] = seconds, True
    return known
