"""Rules across submissions: what the gates make of medians that are known only as intervals.

Each rule says from which value of one submission's median on (its base median B or variant median
V) the contributions of *all* submissions on that workload no longer depend on it, whatever all
other medians turn out to be. By `study_rules.least_time` a trial that has run for t matters only
where the median is at least t, so that value limits the trial too. "Alive" means within one's own
budgets, base and variant: the first gate. r is r_max.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kit.scoring.gates import Flags
from kit.scoring.results import Floats
from kit.scoring.scheduling.knowledge import BASE, VARIANT, Cell, Column, Knowledge, Place
from kit.scoring.scheduling.limits import Limit, Rule, lower_evidence, upper_evidence
from kit.scoring.scheduling.study_rules import least_time
from kit.scoring.trial import INFINITY


def gate_limits(known: Knowledge, place: Place) -> Iterator[Limit]:
    """Yield when the rules of this module let a trial stop."""
    view = _View(known, place, known.column(place.base))
    yield from own_losses(view)
    yield from cut_off(view)
    if place.side == VARIANT and known.field_closed:
        yield from variant_cut_off(view)
        yield from variant_passed(view)


@dataclass(frozen=True)
class _View:
    """A trial, and the medians on its workload as submission `own` sees them."""

    known: Knowledge
    place: Place
    column: Column

    @property
    def own(self) -> int:
        return self.place.submission

    @property
    def r_max(self) -> float:
        return self.known.rules.r_max

    @property
    def even(self) -> bool:
        """Tell whether a median is the mean of two studies, so that one rests on another."""
        return self.known.rules.studies % 2 == 0

    @property
    def lowest(self) -> float:
        """Return the lower bound of the median that the trial belongs to."""
        column = self.column
        every = column.base_lowest if self.place.side == BASE else column.variant_lowest
        return float(every[self.own])

    def rivals(self, which: Flags) -> Flags:
        """Return the flags without the own submission."""
        others = which.copy()
        others[self.own] = False
        return others

    def cells(self, who: Flags, *sides: int) -> list[Cell]:
        """Return cells for evidence; those of variants only where one gates."""
        gated = self.known.rules.gated[self.place.base]
        return [
            Cell(int(row), self.place.base, side)
            for row in np.flatnonzero(who)
            for side in sides
            if side == BASE or gated
        ]

    @property
    def survivors(self) -> Flags:
        """Tell who passes the cut-off on the base workload whatever happens (closed field only)."""
        column = self.column
        alive = column.certainly_alive
        limit = self.r_max * _least(column.base_lowest, column.possibly_alive)
        return np.asarray(alive & (column.base_highest <= limit))

    @property
    def possible_survivors(self) -> Flags:
        """Tell who may pass the cut-off on the base workload."""
        column = self.column
        limit = self.r_max * _least(column.base_highest, column.certainly_alive)
        return np.asarray(column.possibly_alive & (column.base_lowest <= limit))


def own_losses(view: _View) -> Iterator[Limit]:
    """Need nothing more of a median that is certainly ∞, and nothing of its other side.

    Proof: with the median at ∞ the submission fails the first gate. There it leaves both the base
    times and the variant times before anyone is compared, so its other side enters nothing.
    """
    cell = view.place.cell
    if view.lowest == INFINITY:
        yield Limit(0.0, Rule.MAJORITY_LOST, lower_evidence(view.known, [cell]))
    column = view.column
    other = column.variant_lowest if cell.side == BASE else column.base_lowest
    if other[view.own] == INFINITY:
        rule = Rule.VARIANT_LOST if cell.side == BASE else Rule.BASE_LOST
        yield Limit(0.0, rule, lower_evidence(view.known, [cell.other_side]))


def cut_off(view: _View) -> Iterator[Limit]:
    """Stop beyond r times F, the smallest upper bound of a rival's B that is certainly alive.

    Proof: the cut-off is r times the fastest B of all who are alive. That rival is, so the cut-off
    is at most r·F, and others that come later can only lower it. A submission with B > r·F is
    either not alive or cut off: it adds 0. Without it the fastest B is the same, since the rival's
    is smaller, and in the later gates it takes no part: so B (beyond r·F) and V enter nothing.
    """
    rivals = view.rivals(view.column.certainly_alive)
    fastest = _least(view.column.base_highest, rivals)
    if fastest == INFINITY:
        return
    limit = view.r_max * fastest
    who = rivals & (view.column.base_highest == fastest)
    evidence = upper_evidence(view.known, view.cells(who, BASE, VARIANT))
    own = Cell(view.own, view.place.base, BASE)
    if view.column.base_lowest[view.own] > limit:
        shown = (*evidence, *lower_evidence(view.known, [own]))
        yield Limit(0.0, Rule.CUT_OFF, shown)
    elif view.place.side == BASE:
        beyond = float(np.nextafter(limit, INFINITY))
        shown = (*evidence, *lower_evidence(view.known, [own])) if view.even else evidence
        yield Limit(least_time(view.known, view.place, beyond), Rule.CUT_OFF, shown)


def variant_cut_off(view: _View) -> Iterator[Limit]:
    """Stop beyond r times G, the smallest upper bound of V of a rival that certainly survives.

    Needs a closed field, and a rival that is certainly alive with a B that is at most the own one.

    Proof: the cut-off on variants is r times the fastest V of those who survived the cut-off on the
    base workload, hence at most r·G. With V > r·G the submission adds 0 whether it is not alive, is
    cut off before, or fails here. Whether it is alive depends on V, but changes no cut-off: on the
    base workload that rival is as fast; on the variant the rival with G ≤ V is faster.
    """
    column = view.column
    as_fast = view.rivals(
        column.certainly_alive & (column.base_highest <= column.base_lowest[view.own])
    )
    survivors = view.rivals(view.survivors)
    fastest = _least(column.variant_highest, survivors)
    if not as_fast.any() or fastest == INFINITY:
        return
    beyond = float(np.nextafter(view.r_max * fastest, INFINITY))
    yield _of_variant(view, beyond, Rule.VARIANT_CUT_OFF)


def variant_passed(view: _View) -> Iterator[Limit]:
    """Stop at T, from where on V decides neither the own gate nor any rival's.

    Needs a closed field and an upper bound of V, so that the submission's own loss is excluded.
    Let P be the rivals that may survive the cut-off on the base workload. The own gate is passed if
    that bound is at most r times every lower bound of V in P. T is the smaller of two times: the
    smallest upper bound of V of a certain survivor; or the least with r·T ≥ V for every rival in P
    that does not fail anyway, being beyond r times the upper bound of a certain survivor.

    Proof: V is finite, so it does not decide who is alive, and hence not who survives the base
    workload. The variant's limit is r·min(V, m), m being the fastest rival that survives. V ≤ r·V
    and V ≤ r·m: the own gate is passed. From the first time on, V ≥ m, so the limit is r·m. From
    the second on, a rival passes exactly if it is within r·m, or fails anyway.
    """
    column, r_max = view.column, view.r_max
    rivals = view.rivals(view.possible_survivors)
    if column.variant_highest[view.own] > r_max * _least(column.variant_lowest, rivals):
        return
    if not np.isfinite(column.variant_highest[view.own]):
        return
    survivors = view.rivals(view.survivors)
    fastest = _least(column.variant_highest, survivors)
    fails = column.variant_lowest > r_max * fastest
    slowest = np.max(column.variant_highest, where=rivals & ~fails, initial=0.0)
    enough = float(slowest) / r_max
    while r_max * enough < slowest:
        enough = float(np.nextafter(enough, INFINITY))
    yield _of_variant(view, min(fastest, enough), Rule.VARIANT_PASSED)


def _of_variant(view: _View, median_seconds: float, rule: Rule) -> Limit:
    """Return the limit of a rule on variants; it rests on the whole column, losers included."""
    cells = view.cells(np.ones_like(view.column.possibly_alive), BASE, VARIANT)
    evidence = (*upper_evidence(view.known, cells), *lower_evidence(view.known, cells))
    decided = view.lowest >= median_seconds
    seconds = 0.0 if decided else least_time(view.known, view.place, median_seconds)
    return Limit(seconds, rule, tuple(dict.fromkeys(evidence)))


def _least(times: Floats, who: Flags) -> float:
    return float(np.min(times, where=who, initial=INFINITY))
