"""Score a leaderboard: everything that a table, a page or a program wants to know about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.scoring.bootstrap import RESAMPLES, SEED, Bounds, Intervals, intervals, ranks
from kit.scoring.censoring import median_intervals, require_decided
from kit.scoring.gates import Fate, Flags, gate
from kit.scoring.profile import Profile, exact_scores, grid_scores, ratios, steps
from kit.scoring.results import Floats, Results
from kit.scoring.rules import WRITTEN_RULES, Convention
from kit.scoring.times import median_times


@dataclass(frozen=True)
class Speedup:
    """The geometric mean of reference time over own time, where both reached the target."""

    factor: float | None  # None when there is no such workload
    workloads: int


@dataclass(frozen=True)
class WorkloadTime:
    """One submission on one base workload. Infinity is a miss; None: nothing is there, or open."""

    seconds: float | None  # before the gates
    variant_seconds: float | None  # None also where no variant gates
    at_least_seconds: float | None  # of a median that stopped trials leave open
    variant_at_least_seconds: float | None
    fate: Fate
    ratio: float


@dataclass(frozen=True)
class Standing:
    """One line of a leaderboard."""

    rank: int
    submission: str
    score: float
    interval: Bounds | None
    rank_interval: Bounds | None
    speedup: Speedup | None  # None without a reference
    counting: int  # workloads whose time counts
    workloads: Mapping[str, WorkloadTime]
    profile: Profile


@dataclass(frozen=True)
class Leaderboard:
    """All standings, best first, and what they rest on."""

    results: Results
    convention: Convention
    reference: str | None
    standings: tuple[Standing, ...]
    intervals: Intervals | None  # None where none were asked for


def score(
    results: Results,
    *,
    reference: str | None = None,
    convention: Convention = WRITTEN_RULES,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Leaderboard:
    """Score all submissions against each other.

    Args:
        results: trials in their places.
        reference: the submission that speedups are over; without any if it takes no part.
        convention: the written rules, or another scorer's.
        resamples: for the intervals, which only the written rules have; 0 for none.
        seed: of the resampling.

    Raises:
        UndecidedScore: a score depends on how a trial that was stopped early would have gone on.
    """
    written = convention == WRITTEN_RULES
    if written:
        require_decided(results)
    medians = median_times(results, convention)
    gated = np.array(results.rules.gated, dtype=bool)
    kept = gate(
        medians[..., 0], medians[..., 1], gated, r_max=results.rules.r_max, convention=convention
    )
    kept.fates[~_tried(results)] = Fate.NO_DATA
    ratio = ratios(kept.times)
    scores = score_ratios(ratio, results.rules.r_max, convention)
    drawn = intervals(results, resamples=resamples, seed=seed) if written and resamples else None
    lines = _Lines(results, medians, kept.fates, ratio, scores, drawn)
    standings = [lines.standing(row, reference) for row in range(len(results.submissions))]
    standings.sort(key=lambda line: (line.rank, line.submission))
    return Leaderboard(results, convention, reference, tuple(standings), drawn)


def _tried(results: Results) -> Flags:
    """Return where there is any trial on the base workload, shape (submissions, workloads)."""
    rows = [
        [bool(results.of(name, base, None)) for base in results.rules.bases]
        for name in results.submissions
    ]
    return np.array(rows, dtype=bool).reshape(len(results.submissions), len(results.rules.bases))


def scores_under(results: Results, convention: Convention) -> dict[str, float]:
    """Return the bare scores by submission; trials that were stopped early count as missed."""
    medians = median_times(results, convention)
    gated = np.array(results.rules.gated, dtype=bool)
    kept = gate(
        medians[..., 0], medians[..., 1], gated, r_max=results.rules.r_max, convention=convention
    )
    scores = score_ratios(ratios(kept.times), results.rules.r_max, convention)
    return dict(zip(results.submissions, map(float, scores), strict=True))


def score_ratios(ratio: Floats, r_max: float, convention: Convention) -> Floats:
    """Return the integral that a convention takes; `ratio` is (submissions, workloads)."""
    if ratio.size == 0:
        return np.zeros(ratio.shape[0])
    return (exact_scores if convention.exact_integral else grid_scores)(ratio, r_max)


def speedup(own: Floats, reference: Floats) -> Speedup:
    """Return the speedup over a reference; both are times before the gates, shape (workloads,)."""
    both = np.isfinite(own) & np.isfinite(reference)
    if not both.any():
        return Speedup(None, 0)
    logarithms = np.log(reference[both] / own[both])
    return Speedup(math.exp(logarithms.mean()), int(both.sum()))


@dataclass(frozen=True)
class _Lines:
    """What standings are made of; rows are submissions."""

    results: Results
    medians: Floats
    fates: NDArray[np.int8]
    ratio: Floats
    scores: Floats
    drawn: Intervals | None

    def standing(self, row: int, reference: str | None) -> Standing:
        names = self.results.submissions
        over = None
        if reference in names:
            over = speedup(self.medians[row, :, 0], self.medians[names.index(reference), :, 0])
        scores, rank_intervals = (
            (self.drawn.scores, self.drawn.ranks) if self.drawn else (None, None)
        )
        return Standing(
            rank=int(ranks(self.scores)[row]),
            submission=names[row],
            score=float(self.scores[row]),
            interval=scores[row] if scores else None,
            rank_interval=rank_intervals[row] if rank_intervals else None,
            speedup=over,
            counting=int((self.fates[row] == Fate.COUNTS).sum()),
            workloads=self._workloads(row),
            profile=steps(self.ratio[row : row + 1], self.results.rules.r_max)[0],
        )

    def _workloads(self, row: int) -> dict[str, WorkloadTime]:
        open_medians = median_intervals(self.results.times())
        found = {}
        for column, base in enumerate(self.results.rules.bases):
            bounds: list[float | None] = []
            seconds: list[float | None] = []
            for side in (0, 1):
                place = (row, column, side)
                open_ = not open_medians.is_exact[place]
                bounds.append(float(open_medians.lowest[place]) if open_ else None)
                variant = self.results.rules.held_out.get(base) if side else None
                there = bool(self.results.of(self.results.submissions[row], base, variant))
                known = there and not open_ and not np.isnan(self.medians[place])
                seconds.append(float(self.medians[place]) if known else None)
            found[base] = WorkloadTime(
                seconds=seconds[0],
                variant_seconds=seconds[1] if base in self.results.rules.held_out else None,
                at_least_seconds=bounds[0],
                variant_at_least_seconds=bounds[1],
                fate=Fate(int(self.fates[row, column])),
                ratio=float(self.ratio[row, column]),
            )
        return found
