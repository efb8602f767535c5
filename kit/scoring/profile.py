"""Ratios to the fastest, performance profiles, and the score: the area under a profile.

    ratio(s, w) = time(s, w) / min over s' of time(s', w)
    ρ_s(τ)      = share of the base workloads with ratio(s, w) ≤ τ
    score(s)    = 1 / (r_max − 1) ∫₁^{r_max} ρ_s(τ) dτ
                = mean over w of max(0, (r_max − ratio(s, w)) / (r_max − 1))

Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms", section 4 (scoring);
performance profiles: Dolan and Moré 2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kit.scoring.results import Floats
from kit.scoring.trial import INFINITY

GRID_POINTS = 100  # of the reference scorer


@dataclass(frozen=True)
class Profile:
    """The steps of ρ: it is `share[i]` from `tau[i]` on; below `tau[0]` it is 0."""

    tau: tuple[float, ...]
    share: tuple[float, ...]


def ratios(times: Floats) -> Floats:
    """Return times over the fastest; infinity where a workload was missed or nobody solved it.

    Args:
        times: after the gates, shape (…, submissions, workloads).
    """
    fastest = times.min(axis=-2, keepdims=True, initial=INFINITY)
    solved = np.isfinite(times)
    unsolved = np.full(times.shape, INFINITY)
    return np.asarray(np.divide(times, fastest, out=unsolved, where=solved))


def contributions(ratio: Floats, r_max: float) -> Floats:
    """Return what each workload adds to a score before the mean: 1 for the fastest, 0 at r_max."""
    bounded = np.minimum(ratio, r_max)
    return np.asarray((r_max - bounded) / (r_max - 1.0))


def exact_scores(ratio: Floats, r_max: float) -> Floats:
    """Return the exact integral; `ratio` has shape (…, submissions, workloads)."""
    return np.asarray(contributions(ratio, r_max).mean(axis=-1))


def profile_on_grid(ratio: Floats, tau: Floats) -> Floats:
    """Return ρ at given τ, shape (submissions, points)."""
    return np.asarray((ratio[:, :, np.newaxis] <= tau).mean(axis=1))


def grid(r_max: float) -> Floats:
    """Return the points that the reference scorer integrates on."""
    return np.linspace(1.0, r_max, GRID_POINTS)


def grid_scores(ratio: Floats, r_max: float) -> Floats:
    """Return the reference scorer's approximation: trapezoids on its grid."""
    tau = grid(r_max)
    return np.asarray(np.trapezoid(profile_on_grid(ratio, tau), tau, axis=1) / (r_max - 1.0))


def steps(ratio: Floats, r_max: float) -> list[Profile]:
    """Return the exact profile of each submission up to r_max; shape (submissions, workloads)."""
    profiles = []
    for row in ratio:
        tau, counts = np.unique(row[row <= r_max], return_counts=True)
        share = counts.cumsum() / row.size
        profiles.append(Profile(tuple(tau.tolist()), tuple(share.tolist())))
    return profiles
