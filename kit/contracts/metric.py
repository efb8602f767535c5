"""The number that a target is set on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric by its published name, and which way is better."""

    name: str
    higher_is_better: bool
