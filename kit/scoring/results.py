"""The trials of a leaderboard in their places: what is there, and what is owed and missing."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import INFINITY, TrialResult

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MissingTrials:
    """Trials of one study that are owed and not there; each counts as missed (infinity)."""

    submission: str
    label: str
    study: int
    trials: tuple[int, ...]
    whole_study: bool


@dataclass(frozen=True)
class TrialTimes:
    """Lowest and highest possible time of every trial owed.

    Both have shape (submissions, base workloads, 2, studies, trials); the third axis is the base
    workload and its held-out variant (infinity where the rules name none). Missing is infinity.
    """

    lowest: Floats
    highest: Floats


@dataclass(frozen=True)
class Results:
    """All trials that count, of all submissions, under one set of rules."""

    rules: ScoringRules
    trials: Mapping[TrialId, TrialResult]
    first_study: Mapping[str, int]  # by submission: logs of AlgoPerf count from 0, ours from 1
    first_trial: Mapping[str, int]

    @property
    def submissions(self) -> tuple[str, ...]:
        """Return the submissions, sorted by name."""
        return tuple(sorted(self.first_study))

    def labels(self) -> Iterator[tuple[str, str | None]]:
        """Yield every base workload and held-out variant that counts."""
        for base in self.rules.bases:
            yield base, None
            if base in self.rules.held_out:
                yield base, self.rules.held_out[base]

    def owed(self, submission: str, base: str, variant: str | None) -> Iterator[list[TrialId]]:
        """Yield for each study the trial_ids of its trials."""
        study_0, trial_0 = self.first_study[submission], self.first_trial[submission]
        for study in range(study_0, study_0 + self.rules.studies):
            yield [
                TrialId(self.rules.ruleset, submission, base, variant, study, trial)
                for trial in range(trial_0, trial_0 + self.rules.trials)
            ]

    def of(self, submission: str, base: str, variant: str | None) -> list[TrialResult]:
        """Return the trials that are there, in the order in which they were read."""
        return self._by_label.get((submission, base, variant), [])

    @functools.cached_property
    def _by_label(self) -> Mapping[tuple[str, str, str | None], list[TrialResult]]:
        grouped: dict[tuple[str, str, str | None], list[TrialResult]] = {}
        for trial_id, result in self.trials.items():
            grouped.setdefault(
                (trial_id.submission, trial_id.workload, trial_id.variant), []
            ).append(result)
        return grouped

    def missing(self) -> list[MissingTrials]:
        """Return what is owed and not there, study by study."""
        found = []
        for submission in self.submissions:
            for base, variant in self.labels():
                for trial_ids in self.owed(submission, base, variant):
                    absent = [trial_id for trial_id in trial_ids if trial_id not in self.trials]
                    if absent:
                        found.append(
                            MissingTrials(
                                submission,
                                absent[0].label,
                                absent[0].study,
                                tuple(trial_id.trial for trial_id in absent),
                                whole_study=len(absent) == len(trial_ids),
                            )
                        )
        return found

    def censored(self) -> list[TrialResult]:
        """Return the trials that were stopped early."""
        return [result for result in self.trials.values() if not result.outcome.is_exact]

    def times(self) -> TrialTimes:
        """Return the times of all trials owed as arrays."""
        rules, names = self.rules, self.submissions
        shape = (len(names), len(rules.bases), 2, rules.studies, rules.trials)
        lowest, highest = np.full(shape, INFINITY), np.full(shape, INFINITY)
        row = {name: number for number, name in enumerate(names)}
        column = {base: number for number, base in enumerate(rules.bases)}
        for trial_id, result in self.trials.items():
            place = (
                row[trial_id.submission],
                column[trial_id.workload],
                int(trial_id.variant is not None),
                trial_id.study - self.first_study[trial_id.submission],
                trial_id.trial - self.first_trial[trial_id.submission],
            )
            lowest[place], highest[place] = result.outcome.lowest, result.outcome.highest
        return TrialTimes(lowest, highest)


def collect(
    trials: Iterable[TrialResult], rules: ScoringRules, *, submissions: Iterable[str] = ()
) -> Results:
    """Put trials in their places; those of workloads that do not count are left out.

    Args:
        trials: of any workloads, in the order in which they were read.
        rules: decide what counts and what is owed.
        submissions: names that take part even where no trial of theirs is there.

    Raises:
        UsageError: a trial is there twice, or a study or trial is there that the rules do not have.
    """
    kept: dict[TrialId, TrialResult] = {}
    names = set(submissions)
    for result in trials:
        names.add(result.id.submission)
        if not rules.counts(result.id.workload, result.id.variant):
            continue
        if result.id in kept:
            both = " and ".join(filter(None, (kept[result.id].source, result.source)))
            raise UsageError(
                f"The same trial is there twice: {result.id}"
                f"{f' (from {both})' if both else ''}. Leave one of them out."
            )
        kept[result.id] = result
    first_study, first_trial = {}, {}
    for name in names:
        own = [trial_id for trial_id in kept if trial_id.submission == name]
        first_study[name] = _first(own, "study", rules.studies, rules)
        first_trial[name] = _first(own, "trial", rules.trials, rules)
    return Results(rules, kept, first_study, first_trial)


def _first(trial_ids: list[TrialId], what: str, count: int, rules: ScoringRules) -> int:
    """Return 0 or 1, from which the studies or trials of a submission are counted."""
    numbers = {getattr(trial_id, what): trial_id for trial_id in trial_ids}
    first = 0 if 0 in numbers else 1
    beyond = [number for number in numbers if not first <= number < first + count]
    if beyond:
        trial_id = numbers[max(beyond)]
        raise UsageError(
            f"{trial_id}: there is no such {what}: ruleset {rules.ruleset} has {rules.studies} "
            f"studies of {rules.trials} trials, and here they count from {first}. Remove what was "
            "run in excess, or choose the right --ruleset and --tuning."
        )
    return first


def with_outcomes(results: Results, changed: Mapping[TrialId, TrialResult]) -> Results:
    """Return the results with some trials replaced or added."""
    return replace(results, trials={**results.trials, **changed})
