"""Bounds of scores when some times are intervals: exact only where both bounds are equal.

With times in intervals each gate has three answers: certainly passed, certainly failed, undecided.
A submission's lowest contribution takes its own time at the upper end and counts every rival that
may remain; its highest takes its own time at the lower end and counts only rivals that certainly
remain. Equal bounds prove that no continuation of a stopped trial can change the score.

Putting a submission at one end and all rivals at the other is not enough where variants gate: a
faster rival may *help*. With r_max 4, base/variant times A 2/1, B 1.5/5 and R 1/5 leave only A; if
R needs 0.4 instead of 1, A is cut off on the base workload and B remains. A submission's own score
does never rise with its own time, which is what the two ends rely on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kit.scoring.gates import Flags
from kit.scoring.profile import contributions
from kit.scoring.results import Floats
from kit.scoring.trial import INFINITY


@dataclass(frozen=True)
class Interval:
    """Elementwise intervals of times."""

    lowest: Floats
    highest: Floats

    def with_row(self, row: int, times: Floats) -> Interval:
        """Return the intervals with one submission's times known."""
        lowest, highest = self.lowest.copy(), self.highest.copy()
        lowest[row] = highest[row] = times
        return Interval(lowest, highest)

    @property
    def is_exact(self) -> Flags:
        """Tell which times are known."""
        return np.asarray(self.lowest == self.highest)


@dataclass(frozen=True)
class _Maybe:
    """Per submission: possibly in, certainly in."""

    possible: Flags
    certain: Flags


def contribution_bounds(
    base: Interval, variant: Interval, gated: Flags, *, r_max: float
) -> Interval:
    """Return the lowest and highest contribution of each submission on each workload.

    Args:
        base: times on the base workloads, shape (submissions, workloads).
        variant: times on their held-out variants, same shape; ignored where `gated` is false.
        gated: shape (workloads,).
        r_max: as in the gates.
    """
    nothing = np.zeros_like(base.lowest)
    variant = Interval(
        np.where(gated, variant.lowest, nothing), np.where(gated, variant.highest, nothing)
    )
    lowest, highest = nothing.copy(), nothing.copy()
    for row in range(base.lowest.shape[0]):
        slow = base.with_row(row, base.highest[row]), variant.with_row(row, variant.highest[row])
        lowest[row] = _own_bounds(*slow, row, gated, r_max).lowest
        fast = base.with_row(row, base.lowest[row]), variant.with_row(row, variant.lowest[row])
        highest[row] = _own_bounds(*fast, row, gated, r_max).highest
    return Interval(lowest, highest)


def _own_bounds(
    base: Interval, variant: Interval, row: int, gated: Flags, r_max: float
) -> Interval:
    """Return the bounds for submission `row`, whose own times are known; shape (workloads,)."""
    alive = _Maybe(
        np.isfinite(base.lowest) & np.isfinite(variant.lowest),
        np.isfinite(base.highest) & np.isfinite(variant.highest),
    )
    within = _not_beyond(base, alive, r_max)
    kept = _not_beyond(variant, within, r_max)
    remaining = _Maybe(
        np.where(gated, kept.possible, within.possible),
        np.where(gated, kept.certain, within.certain),
    )
    # Without a variant nobody is cut off who is the fastest: that is tighter than who remains.
    first, last = _fastest(base, alive), _fastest(base, remaining)
    fastest = Interval(
        np.where(gated, last.lowest, first.lowest), np.where(gated, last.highest, first.highest)
    )
    own = base.lowest[row]
    least = _share(own, fastest.lowest, r_max)
    most = _share(own, np.minimum(fastest.highest, own), r_max)
    return Interval(
        np.where(remaining.certain[row], least, 0.0),
        np.where(remaining.possible[row], most, 0.0),
    )


def _not_beyond(times: Interval, maybe: _Maybe, r_max: float) -> _Maybe:
    """Return who is within `r_max` times the fastest of those who are in.

    Nobody is beyond `r_max` times the own time, so for "certainly" only rivals are compared: an
    interval that is wide does not stand against itself.
    """
    fastest = _fastest(times, maybe)
    return _Maybe(
        maybe.possible & (times.lowest <= r_max * fastest.highest),
        maybe.certain & (times.highest <= r_max * _fastest_rival(times, maybe)),
    )


def _fastest_rival(times: Interval, maybe: _Maybe) -> Floats:
    """Return for each submission the lowest time of any other that may be in."""
    lowest = np.where(maybe.possible, times.lowest, INFINITY)
    ranked = np.vstack([np.sort(lowest, axis=0), np.full_like(lowest[:1], INFINITY)])
    return np.asarray(np.where(lowest == ranked[0], ranked[1], ranked[0]))


def _fastest(times: Interval, maybe: _Maybe) -> Interval:
    return Interval(
        np.where(maybe.possible, times.lowest, INFINITY).min(axis=0),
        np.where(maybe.certain, times.highest, INFINITY).min(axis=0),
    )


def _share(own: Floats, fastest: Floats, r_max: float) -> Floats:
    """Return the contribution; a bound may be 0, of a trial that was never started."""
    ratio = np.where(own == 0, 1.0, INFINITY)
    np.divide(own, fastest, out=ratio, where=np.isfinite(own) & (fastest > 0))
    return contributions(ratio, r_max)
