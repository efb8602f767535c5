"""The number that a target is set on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric by its published name, and which way is better."""

    name: str
    higher_is_better: bool

    def reaches(self, value: float, threshold: float) -> bool:
        """Tell whether `value` is at least as good as `threshold`; NaN never is."""
        return value >= threshold if self.higher_is_better else value <= threshold
