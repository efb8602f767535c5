"""Two runs of one trial, evaluation by evaluation: bitwise equal, or how far apart, since when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kit.records.record import Evaluation


@dataclass(frozen=True)
class MetricDifference:
    """One metric that is not bitwise equal everywhere."""

    metric: str
    first_step: int  # where it differs for the first time
    largest: float  # by `scaled`
    largest_step: int
    recorded: float  # there
    rerun: float


@dataclass(frozen=True)
class CurveComparison:
    """What two curves have in common. Evaluations are matched by their steps."""

    evaluations: int  # of the record
    missing_steps: tuple[int, ...]  # that the rerun has no evaluation of
    values: int  # metric values that were compared
    differing: tuple[MetricDifference, ...]
    first_other_weights: int | None  # the first step whose evaluated weights are not bitwise equal

    @property
    def bitwise(self) -> bool:
        """Tell whether everything that was recorded came out again, bit by bit."""
        return not (self.missing_steps or self.differing or self.first_other_weights is not None)

    @property
    def largest(self) -> float:
        """Return the largest difference of any metric, 0 where there is none."""
        return max((difference.largest for difference in self.differing), default=0.0)


def compare_curves(recorded: Sequence[Evaluation], rerun: Sequence[Evaluation]) -> CurveComparison:
    """Compare metric values and digests of weights of a record with those of its rerun."""
    again = {evaluation.step: evaluation for evaluation in rerun}
    pairs = [(own, again[own.step]) for own in recorded if own.step in again]
    names = sorted({name for pair in pairs for one in pair for name in one.metrics})
    differences = (_difference(name, pairs) for name in names)
    return CurveComparison(
        evaluations=len(recorded),
        missing_steps=tuple(own.step for own in recorded if own.step not in again),
        values=sum(len(own.metrics.keys() | other.metrics.keys()) for own, other in pairs),
        differing=tuple(found for found in differences if found is not None),
        first_other_weights=next(
            (own.step for own, other in pairs if own.weights_sha256 != other.weights_sha256), None
        ),
    )


def scaled(recorded: float, rerun: float) -> float:
    """Return how far two values are apart: absolute below 1, relative to the larger above.

    Two NaN, or two equal infinities, are not apart; a finite number and one that is not are
    infinitely far apart.
    """
    if recorded == rerun or (math.isnan(recorded) and math.isnan(rerun)):
        return 0.0
    if not (math.isfinite(recorded) and math.isfinite(rerun)):
        return math.inf
    return abs(recorded - rerun) / max(1.0, abs(recorded), abs(rerun))


def _difference(
    name: str, pairs: Sequence[tuple[Evaluation, Evaluation]]
) -> MetricDifference | None:
    values = [
        (own.step, own.metrics.get(name, math.nan), other.metrics.get(name, math.nan))
        for own, other in pairs
        if name in own.metrics or name in other.metrics
    ]
    steps = [step for step, a, b in values if a.hex() != b.hex()]
    if not steps:
        return None
    step, a, b = max(values, key=lambda value: scaled(value[1], value[2]))
    return MetricDifference(name, steps[0], scaled(a, b), step, a, b)
