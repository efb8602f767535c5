"""The target of a workload, and the one rule for reaching it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from kit.schema.validation import Schema

MetricName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Target(Schema):
    """A threshold for a metric. Only `validation` decides; `test` is informative."""

    metric: MetricName
    higher_is_better: bool
    validation: Finite
    test: Finite | None = None

    def reached_by(self, value: float | None) -> bool:
        """Tell whether a validation metric reaches the target; NaN and infinities never do."""
        if value is None or not math.isfinite(value):
            return False
        return value >= self.validation if self.higher_is_better else value <= self.validation

    def best(self, values: Iterable[float]) -> float:
        """Return the best of some values, of which there is one at least."""
        return max(values) if self.higher_is_better else min(values)

    @property
    def sign(self) -> str:
        """Return "≥" or "≤": how a metric compares with the threshold when it reaches it."""
        return "≥" if self.higher_is_better else "≤"
