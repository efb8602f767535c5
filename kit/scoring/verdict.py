"""What a paired comparison allows to say in one sentence, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kit.scoring.comparison import Comparison

SIGNIFICANCE = 0.05
Winner = Literal["first", "second"]


@dataclass(frozen=True)
class Verdict:
    """Which side is faster, None where the pairs cannot tell, and the sentence for a reader."""

    faster: Winner | None
    sentence: str


def verdict(compared: Comparison, first: str, second: str) -> Verdict:
    """Return the verdict on two submissions, named `first` and `second`.

    Where one reached targets that the other missed, the sign test of all pairs decides: a ratio of
    the other pairs alone would leave the misses out. Otherwise the sign-flip test of the ratios
    decides, and its interval must not hold 1.
    """
    if compared.only_first_reached or compared.only_second_reached:
        return _by_wins(compared, first, second)
    if compared.speedup is None or compared.p_value is None:
        return Verdict(
            None, f"{_pairs(compared.pairs)} cannot tell: neither reached a target in any of them."
        )
    beyond_one = compared.interval is not None and (
        compared.interval.low > 1 or compared.interval.high < 1
    )
    if compared.p_value > SIGNIFICANCE or not beyond_one:
        return Verdict(None, _cannot_tell(compared, first, second))
    faster: Winner = "first" if compared.speedup > 1 else "second"
    return Verdict(faster, f"{_faster(compared, first, second)} (p = {compared.p_value:.2g}).")


def enough_pairs(compared: Comparison) -> bool:
    """Tell whether so many pairs could tell at all; with fewer a bootstrap interval misleads."""
    smallest = compared.smallest_p_value
    return smallest is not None and smallest <= SIGNIFICANCE


def _by_wins(compared: Comparison, first: str, second: str) -> Verdict:
    ahead = compared.wins >= compared.losses
    winner, loser = (first, second) if ahead else (second, first)
    won = max(compared.wins, compared.losses)
    by_miss = compared.only_first_reached if ahead else compared.only_second_reached
    other_misses = compared.only_second_reached if ahead else compared.only_first_reached
    p_value = compared.sign_p_value
    if p_value is None or p_value > SIGNIFICANCE:
        return Verdict(
            None,
            f"{_pairs(compared.pairs)} cannot tell: {first} won {compared.wins} and {second} "
            f"{compared.losses}; only {first} reached the target in "
            f"{compared.only_first_reached}, only {second} in {compared.only_second_reached}.",
        )
    sentence = f"{winner} is better: it won {won} of {_pairs(compared.pairs)} (p = {p_value:.2g})"
    if by_miss:
        sentence += f", {by_miss} of them because {loser} missed the target"
    if other_misses:
        sentence += f"; in {other_misses} it missed the target itself"
    if compared.speedup is not None:
        sentence += f". Where both reached it, {_faster(compared, first, second)}"
    return Verdict("first" if ahead else "second", f"{sentence}.")


def _faster(compared: Comparison, first: str, second: str) -> str:
    """Return "a is 1.30 times as fast as b, 95% interval 1.20 to 1.41", with the faster first."""
    assert compared.speedup is not None
    turned = compared.speedup < 1
    factor = 1 / compared.speedup if turned else compared.speedup
    winner, loser = (second, first) if turned else (first, second)
    text = f"{winner} is {factor:.2f} times as fast as {loser}"
    if compared.interval is None or not enough_pairs(compared):
        return text
    low, high = compared.interval.low, compared.interval.high
    low, high = (1 / high, 1 / low) if turned else (low, high)
    return f"{text}, 95% interval {low:.2f} to {high:.2f}"


def _cannot_tell(compared: Comparison, first: str, second: str) -> str:
    text = (
        f"{_pairs(compared.both_reached)} cannot tell: measured, {_faster(compared, first, second)}"
    )
    text += f" (p = {compared.p_value:.2g})."
    if not enough_pairs(compared):
        text += (
            f" With so few pairs no p below {compared.smallest_p_value:.2g} is possible; take more "
            "--seeds."
        )
    return text


def _pairs(count: int) -> str:
    return f"{count} pair{'' if count == 1 else 's'}"
