"""The gates: what a submission must do on a workload before its time there counts.

The order of the written rules: losses within a submission's own budget, base or variant; then the
cut-off at `r_max` times the fastest on the base workload; then the cut-off on the variant among the
survivors. The reference scorer cuts before it gates, which lets a submission that is out anyway
decide who is cut.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kit.scoring.results import Floats
from kit.scoring.rules import WRITTEN_RULES, Convention
from kit.scoring.trial import INFINITY

Flags = NDArray[np.bool_]


class Fate(enum.IntEnum):
    """What became of a submission's time on a base workload; the first gate that it failed."""

    COUNTS = 0
    MISSED = 1
    VARIANT_MISSED = 2
    CUT_OFF = 3
    VARIANT_CUT_OFF = 4
    NO_DATA = 5


@dataclass(frozen=True)
class Gated:
    """Times after all gates, and why the others are out. Shapes (…, submissions, workloads)."""

    times: Floats
    fates: NDArray[np.int8]


def gate(
    base: Floats,
    variant: Floats,
    gated: Flags,
    *,
    r_max: float,
    convention: Convention = WRITTEN_RULES,
) -> Gated:
    """Apply the gates; leading axes are independent leaderboards.

    Args:
        base: times on the base workloads, shape (…, submissions, workloads); NaN is no data.
        variant: times on their held-out variants, same shape; ignored where `gated` is false.
        gated: shape (workloads,): whether a held-out variant gates the workload.
        r_max: times beyond this multiple of the fastest are infinite.
        convention: decides the order.
    """
    missing = np.isnan(base)
    base = np.where(missing, INFINITY, base)
    variant = np.where(np.isnan(variant), INFINITY, variant)
    fates = np.where(np.isfinite(base), Fate.COUNTS, Fate.MISSED).astype(np.int8)
    fates[missing] = Fate.NO_DATA
    variant = np.where(np.isfinite(base), variant, INFINITY)  # counts only if the base was reached
    lost = gated & ~np.isfinite(variant)
    if convention.own_losses_first:
        base = _drop(base, fates, lost, Fate.VARIANT_MISSED)
    base = _drop(base, fates, _beyond(base, r_max), Fate.CUT_OFF)
    if convention.own_losses_first:
        variant = np.where(np.isfinite(base), variant, INFINITY)
    too_slow = gated & _beyond(variant, r_max)
    base = _drop(base, fates, lost, Fate.VARIANT_MISSED)
    base = _drop(base, fates, too_slow, Fate.VARIANT_CUT_OFF)
    return Gated(base, fates)


def _beyond(times: Floats, r_max: float) -> Flags:
    """Return which times are more than `r_max` times the fastest; the submissions' axis is -2."""
    limit = r_max * times.min(axis=-2, keepdims=True, initial=INFINITY)
    beyond: Flags = (times > limit) & np.isfinite(times)
    return beyond


def _drop(times: Floats, fates: NDArray[np.int8], out: Flags, fate: Fate) -> Floats:
    fates[out & np.isfinite(times)] = fate
    return np.where(out, INFINITY, times)
