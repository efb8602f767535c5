"""From trials to one time per submission and workload: the fastest trial, the median study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kit.scoring.results import Floats, Results
from kit.scoring.rules import Convention
from kit.scoring.trial import INFINITY, TrialResult

NO_DATA = np.nan  # of a workload without any data, where missing studies drop out


def median_over_studies(trial_times: Floats) -> Floats:
    """Return the median over studies of the minimum over trials.

    An even number of studies averages the middle two; infinity and a number average to infinity.

    Args:
        trial_times: shape (…, studies, trials).

    Returns:
        Shape (…).
    """
    study_times = np.sort(trial_times.min(axis=-1), axis=-1)
    count = study_times.shape[-1]
    upper = study_times[..., count // 2]
    return upper if count % 2 else (study_times[..., count // 2 - 1] + upper) / 2


def median_times(results: Results, convention: Convention) -> Floats:
    """Return each submission's time on each base workload and its variant; censored is infinity.

    Returns:
        Shape (submissions, base workloads, 2). Infinity where the target was missed, and for a
        variant that the rules do not name; NaN where studies drop out and none is left.
    """
    rules = results.rules
    shape = (len(results.submissions), len(rules.bases), 2)
    times = np.full(shape, INFINITY)
    for row, submission in enumerate(results.submissions):
        for column, base in enumerate(rules.bases):
            for side, variant in enumerate((None, rules.held_out.get(base))):
                if side == 0 or variant is not None:
                    trials = results.of(submission, base, variant)
                    times[row, column, side] = _median(trials, rules.studies, convention)
    return times


def _median(trials: Sequence[TrialResult], owed: int, convention: Convention) -> float:
    studies: dict[int, list[TrialResult]] = {}
    for trial in trials:
        if trial.evaluations or convention.missing_studies_count:
            studies.setdefault(trial.id.study, []).append(trial)
    found = [study_time(study, convention) for study in studies.values()]
    if convention.missing_studies_count:
        found += [INFINITY] * (owed - len(found))
    return float(np.median(found)) if found else NO_DATA


def study_time(trials: Sequence[TrialResult], convention: Convention) -> float:
    """Return a study's time: infinity when no trial reached the target."""
    chosen = choose(trials, convention)
    return INFINITY if chosen is None else _seconds(chosen, convention)


def choose(trials: Sequence[TrialResult], convention: Convention) -> TrialResult | None:
    """Return the trial that decides a study, None when none reached the target."""
    reached = [trial for trial in trials if np.isfinite(_seconds(trial, convention))]
    if convention.fastest_trial:
        return min(reached, key=lambda trial: _seconds(trial, convention), default=None)
    return min(reached, key=lambda t: t.reached.evaluation if t.reached else 0, default=None)


def _seconds(trial: TrialResult, convention: Convention) -> float:
    if convention.enforce_budget:
        return trial.outcome.highest
    return trial.reached.seconds if trial.reached else INFINITY
