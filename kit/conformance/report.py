"""The result of comparing something with a golden file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One compared quantity: the largest error found, and how large it may be."""

    quantity: str  # "output/eval", "grad/Dense_0/kernel", "param.w1", …
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """True when the error is a number within the tolerance."""
        return not math.isnan(self.error) and self.error <= self.tolerance


@dataclass(frozen=True)
class ConformanceReport:
    """All checks of one golden file."""

    file: str
    subject: str  # the workload and variant, or the submission
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True when there is at least one check and all passed."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """Return plain data for `--json`."""
        return {
            "file": self.file,
            "subject": self.subject,
            "passed": self.passed,
            "checks": [
                {
                    "quantity": check.quantity,
                    "error": check.error if math.isfinite(check.error) else str(check.error),
                    "tolerance": check.tolerance,
                    "passed": check.passed,
                }
                for check in self.checks
            ],
        }
