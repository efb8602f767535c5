"""What a comparison allows to say."""

from __future__ import annotations

import math

import pytest

from kit.scoring.comparison import compare
from kit.scoring.verdict import verdict

INF = math.inf
SLOWER = [13.0, 12.5, 13.5, 12.8, 13.2, 13.1]


def say(first, second):
    return verdict(compare({"w": first}, {"w": second}), "lion", "adam")


def test_the_faster_one_is_named_with_factor_and_interval():
    found = say([10.0] * 6, SLOWER)
    assert found.faster == "first"
    assert found.sentence.startswith("lion is 1.30 times as fast as adam, 95% interval 1.2")
    turned = say(SLOWER, [10.0] * 6)
    assert turned.faster == "second"
    assert turned.sentence.startswith("adam is 1.30 times as fast as lion, 95% interval 1.2")


def test_few_pairs_cannot_tell_whatever_they_say():
    found = say([10.0] * 5, [20.0] * 5)
    assert found.faster is None
    assert "5 pairs cannot tell: measured, lion is 2.00 times as fast as adam (p = 0.062)." in (
        found.sentence
    )
    assert "no p below 0.062 is possible; take more --seeds." in found.sentence
    assert "interval" not in found.sentence


def test_pairs_that_disagree_cannot_tell():
    found = say([10.0] * 8, [9.0, 11.0, 12.0, 8.0, 10.5, 9.5, 10.2, 9.9])
    assert found.faster is None
    assert found.sentence.startswith("8 pairs cannot tell: measured, ")
    assert "take more" not in found.sentence


def test_misses_are_not_left_out_of_the_verdict():
    """The first is faster where both reach the target, and misses it more often than not."""
    found = say([5.0, 5.0, INF, INF, INF, INF], [10.0] * 6)
    assert found.faster is None
    assert found.sentence == (
        "6 pairs cannot tell: lion won 2 and adam 4; only lion reached the target in 0, only adam "
        "in 4."
    )
    lost = say([INF] * 7 + [5.0], [10.0] * 8)
    assert lost.faster is None
    lost = say([INF] * 8, [10.0] * 8)
    assert lost.faster == "second"
    assert "adam is better: it won 8 of 8 pairs" in lost.sentence
    assert "8 of them because lion missed the target." in lost.sentence


def test_a_winner_with_misses_of_its_own_says_so():
    found = say([10.0] * 11 + [INF], [20.0] * 12)
    assert found.faster == "first"
    assert "it won 11 of 12 pairs" in found.sentence
    assert "in 1 it missed the target itself" in found.sentence
    assert "Where both reached it, lion is 2.00 times as fast as adam" in found.sentence


@pytest.mark.parametrize("count", [1, 6])
def test_targets_that_nobody_reaches_tell_nothing(count):
    found = say([INF] * count, [INF] * count)
    assert found.faster is None
    assert "cannot tell: neither reached a target in any of them." in found.sentence
