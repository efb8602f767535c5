"""What the rules would cost somebody who knows every outcome beforehand.

The oracle runs, of every median that counts, the cheapest trials that prove it: the best trial of
each study below the median, and of as many slower studies as a majority needs every trial until the
median. A workload that is lost is proved lost by the cheaper of its base and its variant. It knows
the cut-offs. It goes without the rule that a variant's gate is decided: no bound for that.
"""

from __future__ import annotations

import numpy as np

from kit.scoring.results import Floats
from kit.scoring.scheduling.knowledge import BASE, VARIANT
from kit.scoring.times import median_over_studies
from kit.scoring.trial import INFINITY


def oracle_seconds(times: Floats, seconds: Floats, gated: tuple[bool, ...], r_max: float) -> Floats:
    """Return the oracle's submission time by submission and base workload, variants included.

    Args:
        times: of all trials, shape (submissions, base workloads, 2, studies, trials).
        seconds: submission time of each until its target or its end, same shape.
        gated: whether a held-out variant gates a workload.
        r_max: as in the gates.

    Returns:
        Shape (submissions, base workloads).
    """
    medians = median_over_studies(times)
    needed = np.zeros(times.shape[:2])
    for column, has_variant in enumerate(gated):
        base, variant = medians[:, column, BASE], medians[:, column, VARIANT]
        alive = np.isfinite(base) & (np.isfinite(variant) | (not has_variant))
        limit = r_max * float(np.min(base, where=alive, initial=INFINITY))
        kept = alive & (base <= limit)
        variant_limit = r_max * float(np.min(variant, where=kept, initial=INFINITY))
        for row in range(len(times)):
            cells = [(times[row, column, side], seconds[row, column, side]) for side in (0, 1)]
            both = [proof_seconds(*cells[BASE], limit=limit)]
            if has_variant:
                both.append(proof_seconds(*cells[VARIANT], limit=variant_limit))
            lost = [
                proof
                for proof, median in zip(both, medians[row, column], strict=False)
                if np.isinf(median)
            ]
            needed[row, column] = min(lost) if lost else both[0] if base[row] > limit else sum(both)
    return needed


def proof_seconds(times: Floats, seconds: Floats, *, limit: float) -> float:
    """Return what it takes to prove a median, or that it is beyond `limit`; (studies, trials)."""
    best = times.min(axis=-1)
    median = float(median_over_studies(times))
    slow_needed = best.size - (best.size - 1) // 2
    until = min(median, float(np.nextafter(limit, INFINITY)))
    slow = np.sort(np.minimum(seconds, until).sum(axis=-1)[best >= until])[:slow_needed]
    fast = best[best < until].sum() if median <= limit and np.isfinite(median) else 0.0
    return float(slow.sum() + fast)
