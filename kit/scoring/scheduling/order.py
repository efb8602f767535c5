"""Which owed trial to run next. Any order is exact; this one finds out early what saves most.

1. Base workloads in the ruleset's order; after each, its variant. A workload's base is run by every
   submission before anyone runs the variant, because a base workload that is lost saves a variant.
2. On a base workload, submissions that were fast on other workloads come first, on a variant those
   that were fast on its base: their times become the others' cut-off.
3. Within a submission and workload, one study after the other until a trial reaches the target.
   From then on, first the most promising trial of every study that has none, which bounds the
   median from above; then study by study, the slowest first: those prove where the median lies,
   and the rest of the faster ones is needless.
4. The most promising trial is the one whose number was fastest in other studies: with a list of
   points the same number can be the same point. Then come numbers never tried, then those that
   failed.

Everything follows from what is known, ties from names and numbers: the order is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kit.scoring.results import Floats
from kit.scoring.scheduling.knowledge import BASE, VARIANT, Cell, Knowledge, Place


def next_place(known: Knowledge) -> Place | None:
    """Return the trial to start next; None when none is left."""
    taken = known.ended | known.running
    complete = np.asarray(taken.all(axis=(-2, -1)))  # (submissions, base workloads, 2)
    for base in range(len(known.rules.bases)):
        for side in (BASE, VARIANT):
            open_cells = [cell for cell in known.cells(base, side) if not complete[cell]]
            if open_cells:
                speed = _speed(known, base, side)
                chosen = min(open_cells, key=lambda cell: (-speed[cell.submission], *cell))
                return next_in_cell(known, chosen)
    return None


def as_listed(known: Knowledge, *, variants_first: bool) -> Iterator[Place]:
    """Yield every scheduled trial in the order of names and numbers, for comparison."""
    studies, trials = known.lowest.shape[-2:]
    for row in known.scheduled:
        for base in range(len(known.rules.bases)):
            for side in (VARIANT, BASE) if variants_first else (BASE, VARIANT):
                if Cell(row, base, side) in known.cells(base, side):
                    for study, trial in np.ndindex(studies, trials):
                        yield Place(row, base, side, study, trial)


def next_in_cell(known: Knowledge, cell: Cell) -> Place:
    """Return the next trial of a submission and workload that has one waiting."""
    taken = known.ended[cell] | known.running[cell]  # (studies, trials)
    waiting = [study for study in range(len(taken)) if not taken[study].all()]
    fresh = [study for study in waiting if not taken[study].any()]
    started = [study for study in waiting if taken[study].any()]
    best = known.highest[cell].min(axis=-1)
    if np.isinf(best).all():
        study = (started or fresh)[0]
    elif fresh:
        study = fresh[0]
    else:
        study = max(started, key=lambda number: (best[number], -number))
    promise = [_promise(known, cell, study, trial) for trial in range(taken.shape[-1])]
    trial = min(np.flatnonzero(~taken[study]), key=lambda number: (promise[number], number))
    return Place(*cell, study, int(trial))


def _promise(known: Knowledge, cell: Cell, study: int, trial: int) -> tuple[int, float]:
    """Return a key that is small for a trial whose number did well in the other studies."""
    times = np.delete(known.highest[cell][:, trial], study)
    tried = np.delete(known.ended[cell][:, trial], study)
    reached = times[np.isfinite(times)]
    missed = int(tried.sum()) - reached.size
    if reached.size:
        return 0, float(reached.mean()) * (1 + missed)
    return (2, missed) if missed else (1, 0.0)


def _speed(known: Knowledge, base: int, side: int) -> Floats:
    """Return by submission how fast it promises to be: the mean of fastest over own time."""
    bases = [base] if side == VARIANT else [b for b in range(len(known.rules.bases)) if b != base]
    total = np.zeros(len(known.submissions))
    for number in bases:
        times = known.column(number).base_highest
        fastest = times.min()
        if np.isfinite(fastest):
            total += fastest / times
    return total
