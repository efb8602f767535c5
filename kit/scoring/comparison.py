"""Compare two submissions run with paired seeds: how much faster, and could that be chance?

For each workload the studies are pairs (same seeds, same order of data). The effect is the
geometric mean of time ratios: 2 means that the first needs half the time of the second.

A miss has no ratio. Pairs in which either missed are counted and reported, never dropped silently;
the sign test uses them too, because "reached, and the other did not" is a win.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kit.errors import UsageError
from kit.scoring.bootstrap import LEVEL, SEED, Bounds
from kit.scoring.results import Floats

RESAMPLES = 10_000
_EXACT_PAIRS = 16  # up to here all 2**n sign flips are enumerated


@dataclass(frozen=True)
class Comparison:
    """What paired studies say about two submissions; None where nothing can be said."""

    workloads: tuple[str, ...]
    pairs: int
    both_reached: int
    only_first_reached: int
    only_second_reached: int
    neither_reached: int
    speedup: float | None  # second's time over first's, geometric mean over workloads, then pairs
    interval: Bounds | None  # None with fewer than two pairs that both reached
    p_value: float | None  # two-sided sign-flip test of "no difference", of pairs that both reached
    wins: int  # pairs that the first won, misses included
    losses: int
    sign_p_value: float | None  # two-sided sign test of wins against losses
    smallest_p_value: float | None  # that the sign-flip test could have given with so few pairs
    seed: int


def compare(
    first: Mapping[str, ArrayLike],
    second: Mapping[str, ArrayLike],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Comparison:
    """Compare two submissions on the workloads given.

    The bootstrap resamples pairs within each workload, so it covers run-to-run variation on these
    workloads and nothing about others. Each workload weighs the same. The sign-flip test exchanges
    the two submissions within pairs, which is exact under "it makes no difference which of the two
    ran"; with n pairs it cannot give less than 2 / 2**n.

    Args:
        first: by workload, the times of its studies in seconds; infinity for a miss.
        second: the same workloads, and the same number of studies in the same order.
        resamples: for interval and test.
        seed: of both.
        level: of the interval.

    Raises:
        UsageError: the workloads or the numbers of studies differ, or a time is no positive number.
    """
    by_workload = {name: _checked(name, first, second) for name in _shared(first, second)}
    pairs = np.concatenate(list(by_workload.values()))  # (pairs, 2): first, second
    own, other = np.isfinite(pairs).T
    logarithms = _logarithms(by_workload.values())
    count = int((own & other).sum())
    generator = np.random.default_rng(seed)
    wins, losses = int((pairs[:, 0] < pairs[:, 1]).sum()), int((pairs[:, 0] > pairs[:, 1]).sum())
    return Comparison(
        workloads=tuple(by_workload),
        pairs=len(pairs),
        both_reached=count,
        only_first_reached=int((own & ~other).sum()),
        only_second_reached=int((~own & other).sum()),
        neither_reached=int((~own & ~other).sum()),
        speedup=math.exp(_effect(logarithms)) if count else None,
        interval=_interval(logarithms, generator, resamples, level) if count > 1 else None,
        p_value=_sign_flips(logarithms, generator, resamples) if count else None,
        wins=wins,
        losses=losses,
        sign_p_value=_sign_test(wins, losses) if wins + losses else None,
        smallest_p_value=min(1.0, 2.0 ** (1 - count)) if count else None,
        seed=seed,
    )


def _logarithms(workloads: Iterable[Floats]) -> list[Floats]:
    """Return by workload the logarithms of second's time over first's, where both reached."""
    reached = (pairs[np.isfinite(pairs).all(axis=1)] for pairs in workloads)
    return [np.log(pairs[:, 1] / pairs[:, 0]) for pairs in reached if len(pairs)]


def _shared(first: Mapping[str, ArrayLike], second: Mapping[str, ArrayLike]) -> list[str]:
    if set(first) != set(second) or not first:
        raise UsageError(
            "A paired comparison needs the same workloads of both. Received: "
            f"{', '.join(sorted(first)) or '(none)'} and {', '.join(sorted(second)) or '(none)'}."
        )
    return sorted(first)


def _checked(name: str, first: Mapping[str, ArrayLike], second: Mapping[str, ArrayLike]) -> Floats:
    """Return the pairs of one workload, shape (studies, 2)."""
    own, other = (np.asarray(times, dtype=float) for times in (first[name], second[name]))
    if own.ndim != 1 or own.shape != other.shape or not own.size:
        raise UsageError(
            f"A paired comparison needs the same studies of both on {name}. Received: "
            f"{own.size} and {other.size} times."
        )
    pairs = np.stack([own, other], axis=1)
    if not (pairs > 0).all():  # NaN fails too
        raise UsageError(
            f"Times must be positive numbers, or infinite for a miss. Received for {name}: "
            f"{pairs[~(pairs > 0)][0]}."
        )
    return pairs


def _effect(logarithms: Sequence[Floats]) -> float:
    return float(np.mean([own.mean() for own in logarithms]))


def _interval(
    logarithms: Sequence[Floats], generator: np.random.Generator, resamples: int, level: float
) -> Bounds:
    means = [
        own[generator.integers(own.size, size=(resamples, own.size))].mean(axis=1)
        for own in logarithms
    ]
    effects = np.mean(means, axis=0)
    low, high = np.exp(np.quantile(effects, [(1 - level) / 2, (1 + level) / 2]))
    return Bounds(float(low), float(high))


def _sign_flips(
    logarithms: Sequence[Floats], generator: np.random.Generator, resamples: int
) -> float:
    """Return the share of sign flips with an effect at least as large; all of them where few."""
    weights = np.concatenate([own / own.size for own in logarithms]) / len(logarithms)
    count = weights.size
    if count <= _EXACT_PAIRS:
        bits = (np.arange(2**count)[:, np.newaxis] >> np.arange(count)) & 1
        signs = 1.0 - 2.0 * bits
    else:
        signs = generator.choice([-1.0, 1.0], size=(resamples, count))
    observed = abs(weights.sum())
    as_large = np.abs(signs @ weights) >= observed * (1 - 1e-12)
    if count <= _EXACT_PAIRS:
        return float(as_large.mean())
    return float((1 + as_large.sum()) / (1 + resamples))  # the observed signs are one of the draws


def _sign_test(wins: int, losses: int) -> float:
    count = wins + losses
    tail = sum(math.comb(count, n) for n in range(max(wins, losses), count + 1))
    return min(1.0, float(2.0 * tail / 2.0**count))
