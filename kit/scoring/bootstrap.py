"""Bootstrap intervals for scores and ranks.

What they cover: that a submission run again, with other seeds and other points of its search space,
gives other times. For each submission and workload (or variant) studies are drawn with replacement,
and trials within each drawn study where a study has several; then everything is scored anew.

What they do not cover: another choice of workloads or variants, other hardware, or hyperparameters
tuned by hand. Trials within a study are treated as exchangeable, which a declared list of points is
only roughly. With three to five studies a percentile interval is too narrow rather than too wide.
A trial that was stopped early counts as missed (infinity), so an interval then lies too low rather
than too high; `censored_trials` says how many there were. With one study there is no interval.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile
intervals); resampling on two levels: Davison and Hinkley 1997, section 3.8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kit.scoring.gates import gate
from kit.scoring.profile import exact_scores, ratios
from kit.scoring.results import Floats, Results
from kit.scoring.times import median_over_studies

RESAMPLES = 1000
SEED = 20_240_801
LEVEL = 0.95
_BATCH = 250  # resamples at once, to bound memory


@dataclass(frozen=True)
class Bounds:
    """The ends of an interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """Intervals per submission, in the order of `Results.submissions`; None: one study only."""

    scores: tuple[Bounds, ...] | None
    ranks: tuple[Bounds, ...] | None
    level: float
    resamples: int
    seed: int
    censored_trials: int


def intervals(
    results: Results, *, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Intervals:
    """Return percentile intervals by resampling studies, and trials within them.

    Args:
        results: under the written rules.
        resamples: how many leaderboards are drawn.
        seed: of the generator; the same seed gives the same intervals.
        level: share of the resamples between the ends.
    """
    censored = len(results.censored())
    if results.rules.studies < 2 or not results.submissions:
        return Intervals(None, None, level, resamples, seed, censored)
    drawn = resampled_scores(results, resamples=resamples, seed=seed)
    ends = [(1 - level) / 2, (1 + level) / 2]
    return Intervals(
        scores=_percentiles(drawn, ends),
        ranks=_percentiles(ranks(drawn).astype(float), ends, method="inverted_cdf"),
        level=level,
        resamples=resamples,
        seed=seed,
        censored_trials=censored,
    )


def time_intervals(
    results: Results, *, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> tuple[Floats, Floats] | None:
    """Return percentile intervals of the median times, by the same resampling; None: one study.

    Returns:
        Lowest and highest seconds, each of shape (submissions, base workloads, 2); infinity is a
        missed target.
    """
    if results.rules.studies < 2 or not results.submissions:
        return None
    generator = np.random.default_rng(seed)
    drawn = _drawn_medians(results.times().highest, resamples, generator)
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, ends, axis=0, method="inverted_cdf")
    return np.asarray(low), np.asarray(high)


def resampled_scores(results: Results, *, resamples: int, seed: int) -> Floats:
    """Return the scores of leaderboards drawn anew, shape (resamples, submissions)."""
    generator = np.random.default_rng(seed)
    times = results.times().highest  # (submissions, workloads, 2, studies, trials)
    gated = np.array(results.rules.gated, dtype=bool)
    scores = []
    for start in range(0, resamples, _BATCH):
        medians = _drawn_medians(times, min(_BATCH, resamples - start), generator)
        kept = gate(medians[..., 0], medians[..., 1], gated, r_max=results.rules.r_max)
        scores.append(exact_scores(ratios(kept.times), results.rules.r_max))
    return np.concatenate(scores)


def ranks(scores: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return ranks from 1; equal scores share the better rank. Shape (…, submissions)."""
    better = scores[..., np.newaxis, :] > scores[..., :, np.newaxis]
    return np.asarray(1 + better.sum(axis=-1))


def _drawn_medians(times: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Return medians of drawn studies, shape (count, submissions, workloads, 2)."""
    *cells, studies, trials = times.shape
    flat = times.reshape(-1, studies, trials)
    cell = np.arange(len(flat))[:, np.newaxis, np.newaxis]
    study = generator.integers(studies, size=(count, len(flat), studies, 1))
    trial = generator.integers(trials, size=(count, len(flat), studies, trials))
    drawn = flat[cell, study, trial]  # (count, cells, studies, trials)
    return median_over_studies(drawn).reshape(count, *cells)


def _percentiles(drawn: Floats, ends: list[float], method: str = "linear") -> tuple[Bounds, ...]:
    low, high = np.quantile(drawn, ends, axis=0, method=method)  # type: ignore[call-overload]
    return tuple(Bounds(float(a), float(b)) for a, b in zip(low, high, strict=True))
