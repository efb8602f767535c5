"""Rules within one submission and workload: a study's minimum, the median over studies.

All of them hold whatever any rival does. Throughout, x is the time of the trial in question, which
is known to be at least t when it may stop at t; r is the smallest time of the other trials of its
study; the study's time is min(x, r). With the other studies' times sorted, o₁ ≤ o₂ ≤ …, the k-th
smallest of all n study times is the study's own time clamped to [oₖ₋₁, oₖ] (o₀ = 0, oₙ = ∞). The
median is the k-th for k = (n + 1)/2, or the mean of those for k = n/2 and k = n/2 + 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kit.scoring.results import Floats
from kit.scoring.scheduling.knowledge import Knowledge, Place
from kit.scoring.scheduling.limits import Limit, Rule, lower_evidence, upper_evidence
from kit.scoring.trial import INFINITY


def study_limits(known: Knowledge, place: Place) -> Iterator[Limit]:
    """Yield when the rules of this module let a trial stop."""
    yield study_best(known, place)
    yield median_secured(known, place)
    if median_decided(known, place):
        evidence = (*_best_others(known, place), *lower_evidence(known, [place.cell]))
        yield Limit(0.0, Rule.MEDIAN_DECIDED, tuple(dict.fromkeys(evidence)))


def study_best(known: Knowledge, place: Place) -> Limit:
    """Stop at the best time of the study so far.

    Proof: r is at most that time t, so min(x, r) = r for every x ≥ t.
    """
    return Limit(_rest_highest(known, place), Rule.STUDY_BEST, _best_others(known, place))


def median_secured(known: Knowledge, place: Place) -> Limit:
    """Stop at the median that other studies have secured.

    Proof: let k be the larger k of the median and t an upper bound of oₖ. For x ≥ t either r ≤ t ≤
    x and x does not matter, or the study's time is at least t ≥ oₖ: clamped to oₖ, whatever x is.
    For the smaller k the same holds, as its oₖ is no larger.
    """
    highest = np.sort(np.delete(known.highest[place.cell].min(axis=-1), place.study))
    middle = (highest.size + 1) // 2
    seconds = float(highest[middle]) if middle < highest.size else INFINITY
    return Limit(
        seconds, Rule.MEDIAN_SECURED, upper_evidence(known, [place.cell], without_study=place.study)
    )


def median_decided(known: Knowledge, place: Place) -> bool:
    """Tell whether the rest of a study is needless because it lies below the lower deciding study.

    Proof: let k be the smaller k of the median. min(x, r) ≤ r, which is at most the study's best
    time so far; if that is at most a lower bound of oₖ₋₁, the clamp gives oₖ₋₁ whatever x is. For
    the larger k the same holds, as its oₖ₋₁ is no smaller.
    """
    lowest = np.sort(np.delete(known.lowest[place.cell].min(axis=-1), place.study))
    below = lowest.size // 2 - 1
    rest = _rest_highest(known, place)
    return below >= 0 and bool(rest < INFINITY and rest <= lowest[below])


def least_time(known: Knowledge, place: Place, median_seconds: float) -> float:
    """Return a t such that a trial with x ≥ t matters only where the median is ≥ `median_seconds`.

    Proof: where x matters, t < r, so the study's time is at least t, and t < oₖ for the larger k.
    Odd n: the median is the study's time clamped to [oₖ₋₁, oₖ], at least t. Even n: the same holds
    for the upper of the two middle times. The lower one is at least the smaller of t and b, a lower
    bound of its own oₖ; so the median is at least t where t ≤ b, and at least (b + t)/2 beyond.
    Rounding keeps order, so the test below is on rounded numbers.
    """
    studies = known.rules.studies
    if studies % 2 or not np.isfinite(median_seconds):
        return median_seconds
    others = np.sort(np.delete(known.lowest[place.cell].min(axis=-1), place.study))
    bound = float(others[studies // 2 - 1])
    if median_seconds <= bound:
        return median_seconds
    seconds = 2 * median_seconds - bound
    while (bound + seconds) / 2 < median_seconds:
        seconds = float(np.nextafter(seconds, INFINITY))
    return seconds


def _others(known: Knowledge, place: Place) -> Floats:
    """Return the upper bounds of the study's trials, the trial itself at infinity."""
    others = known.highest[place.cell][place.study].copy()
    others[place.trial] = INFINITY
    return np.asarray(others)


def _rest_highest(known: Knowledge, place: Place) -> float:
    return float(_others(known, place).min())


def _best_others(known: Knowledge, place: Place) -> tuple[Place, ...]:
    others = _others(known, place)
    return (place._replace(trial=int(others.argmin())),) if np.isfinite(others.min()) else ()
