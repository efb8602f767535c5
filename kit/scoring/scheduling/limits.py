"""From when on a trial may stop, by which rule, and the results that this rests on."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kit.scoring.scheduling.knowledge import Cell, Knowledge, Place
from kit.scoring.trial import INFINITY


class Rule(enum.Enum):
    """Why a trial may stop; the value is the reason that its record states."""

    STUDY_BEST = "slower than the study's best"
    MEDIAN_SECURED = "slower than the median already secured by other studies"
    MAJORITY_LOST = "the majority of studies is lost"
    BASE_LOST = "the base workload is lost, so its variant does not count"
    VARIANT_LOST = "the held-out variant is lost, so its base workload does not count"
    MEDIAN_DECIDED = "the other studies decide the median"
    CUT_OFF = "beyond the cut-off on the base workload"
    VARIANT_CUT_OFF = "beyond the cut-off on the held-out variant"
    VARIANT_PASSED = "the held-out variant's gate is decided"


ALL_RULES = frozenset(Rule)


@dataclass(frozen=True)
class Limit:
    """A trial may stop once its submission time is `seconds` and its target is not reached.

    0 means that it need not start at all. `evidence` are the results that the rule rests on.
    """

    seconds: float
    rule: Rule
    evidence: tuple[Place, ...]


def earliest(limits: Iterable[Limit]) -> Limit | None:
    """Return the limit that comes first; None if there is none before infinity."""
    finite = [limit for limit in limits if limit.seconds < INFINITY]
    return min(finite, key=lambda limit: limit.seconds, default=None)


def upper_evidence(
    known: Knowledge, cells: Sequence[Cell], *, without_study: int | None = None
) -> tuple[Place, ...]:
    """Return the trials that bound medians from above: the best of the fastest studies."""
    found = []
    for cell in cells:
        highest = known.highest[cell]  # (studies, trials)
        best = highest.min(axis=-1)
        if without_study is not None:
            best[without_study] = INFINITY
        studies = np.argsort(best, kind="stable")[: best.size // 2 + 1]
        found += [
            Place(*cell, int(study), int(highest[study].argmin()))
            for study in sorted(studies)
            if np.isfinite(best[study])
        ]
    return tuple(found)


def lower_evidence(known: Knowledge, cells: Sequence[Cell]) -> tuple[Place, ...]:
    """Return the trials that bound medians from below: all that ran in the slowest studies."""
    found = []
    for cell in cells:
        lowest, there = known.lowest[cell], known.ended[cell] | known.running[cell]
        best = lowest.min(axis=-1)
        studies = np.argsort(-best, kind="stable")[: best.size - (best.size - 1) // 2]
        found += [
            Place(*cell, int(study), trial)
            for study in sorted(studies)
            for trial in range(lowest.shape[-1])
            if best[study] > 0 and there[study, trial]
        ]
    return tuple(found)
