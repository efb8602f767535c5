from __future__ import annotations

import numpy as np
import pytest

from kit.data.splitting import stratified_split

LABELS = np.repeat([0, 1, 2, 3], 25)  # sorted, as the files are


def test_parts_are_disjoint_and_have_the_same_mixture_of_labels():
    parts = stratified_split(LABELS, [80, 12, 8], seed=0)
    assert [len(part) for part in parts] == [80, 12, 8]
    assert len(np.unique(np.concatenate(parts))) == 100
    assert [np.bincount(LABELS[part]).tolist() for part in parts] == [[20] * 4, [3] * 4, [2] * 4]


def test_draw_is_the_same_for_ever():
    [part] = stratified_split(LABELS, [8], seed=0)
    assert part.tolist() == [2, 5, 37, 39, 59, 67, 82, 96]


def test_another_seed_gives_another_split():
    first, second = (stratified_split(LABELS, [40], seed=seed)[0] for seed in (0, 1))
    assert first.tolist() != second.tolist()


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"Sizes \[10\] do not divide by the share of label 0"):
        stratified_split(LABELS, [10], seed=0)
