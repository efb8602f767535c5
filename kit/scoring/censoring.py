"""Trials that were stopped early: does a score depend on how they would have gone on?"""

from __future__ import annotations

import numpy as np

from kit.contracts.trial_id import TrialId
from kit.errors import KitError
from kit.scoring.bounds import Interval, contribution_bounds
from kit.scoring.gates import Flags
from kit.scoring.results import Floats, MissingTrials, Results, TrialTimes
from kit.scoring.times import median_over_studies
from kit.scoring.trial import TrialResult

BASE, VARIANT = 0, 1


class UndecidedScore(KitError):
    """A score depends on trials that were stopped early; `trials` must be resumed.

    What is `missing` in their places counts as missed, and may be why they matter.
    """

    def __init__(
        self, trials: list[TrialResult], submissions: list[str], missing: list[MissingTrials]
    ) -> None:
        self.trials = trials
        named = "; ".join(_told(trial) for trial in trials)
        gone = "; ".join(map(_told_missing, missing))
        super().__init__(
            f"The scores of {', '.join(submissions)} depend on trials that were stopped early. "
            f"Resume: {named}."
            + (f" Missing beside them, and counted as missed: {gone}." if gone else "")
        )


def score_bounds(results: Results) -> Interval:
    """Return the lowest and highest possible score of each submission, shape (submissions,)."""
    bounds = _bounds(median_intervals(results.times()), results)
    return Interval(bounds.lowest.mean(axis=-1), bounds.highest.mean(axis=-1))


def require_decided(results: Results) -> None:
    """Check that every continuation of the stopped trials gives the same scores.

    Raises:
        UndecidedScore: names the trials to resume.
    """
    if not results.censored():
        return
    medians = median_intervals(results.times())
    bounds = _bounds(medians, results)
    undecided: Flags = ~bounds.is_exact
    if not undecided.any():
        return
    submissions = [
        name for name, row in zip(results.submissions, undecided, strict=True) if row.any()
    ]
    trials = _to_resume(results, medians, bounds)
    places = {(trial.id.submission, trial.id.label) for trial in trials}
    missing = [gone for gone in results.missing() if (gone.submission, gone.label) in places]
    raise UndecidedScore(trials, submissions, missing)


def median_intervals(times: TrialTimes) -> Interval:
    """Return the interval of each median, shape (submissions, base workloads, 2).

    Minimum and median rise with every trial's time, so their bounds are those of the bounds.
    """
    return Interval(median_over_studies(times.lowest), median_over_studies(times.highest))


def _bounds(medians: Interval, results: Results) -> Interval:
    gated = np.array(results.rules.gated, dtype=bool)
    return contribution_bounds(
        Interval(medians.lowest[..., BASE], medians.highest[..., BASE]),
        Interval(medians.lowest[..., VARIANT], medians.highest[..., VARIANT]),
        gated,
        r_max=results.rules.r_max,
    )


def _to_resume(results: Results, medians: Interval, bounds: Interval) -> list[TrialResult]:
    """Return the stopped trials behind the medians that an undecided workload depends on."""
    undecided: Flags = np.asarray((~bounds.is_exact).any(axis=0))
    open_medians = [
        place for place in zip(*np.nonzero(~medians.is_exact), strict=True) if undecided[place[1]]
    ]
    relevant = [place for place in open_medians if _matters(results, medians, bounds, place)]
    trials = []
    for row, column, side in relevant or open_medians:
        base = results.rules.bases[column]
        variant = results.rules.held_out.get(base) if side == VARIANT else None
        for trial_ids in results.owed(results.submissions[row], base, variant):
            trials += _open_trials(results, trial_ids)
    return trials


def _matters(
    results: Results, medians: Interval, bounds: Interval, place: tuple[int, int, int]
) -> bool:
    """Tell whether knowing one median would narrow any bound."""
    for known in (medians.lowest[place], medians.highest[place]):
        narrowed = _bounds(_with_known(medians, place, known), results)
        same = (narrowed.lowest == bounds.lowest) & (narrowed.highest == bounds.highest)
        if not same.all():
            return True
    return False


def _with_known(medians: Interval, place: tuple[int, int, int], known: Floats) -> Interval:
    lowest, highest = medians.lowest.copy(), medians.highest.copy()
    lowest[place] = highest[place] = known
    return Interval(lowest, highest)


def _open_trials(results: Results, trial_ids: list[TrialId]) -> list[TrialResult]:
    """Return the stopped trials of a study that could still become its fastest."""
    present = [results.trials[trial_id] for trial_id in trial_ids if trial_id in results.trials]
    best = min((trial.outcome.highest for trial in present), default=np.inf)
    return [
        trial for trial in present if not trial.outcome.is_exact and trial.outcome.lowest < best
    ]


def _told(trial: TrialResult) -> str:
    reasons = f" because {', '.join(trial.outcome.reasons)}" if trial.outcome.reasons else ""
    return f"{trial.id} (stopped at {trial.outcome.lowest:.6g} s{reasons})"


def _told_missing(gone: MissingTrials) -> str:
    which = "" if gone.whole_study else f", trial {', '.join(map(str, gone.trials))}"
    return f"{gone.submission}, {gone.label}, study {gone.study}{which}"
