"""Units of time and metrics, as axes and sentences have them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_METRICS = {  # metric -> what its numbers mean
    "accuracy": "share correct",
    "error_rate": "share wrong",
    "loss": "nats",
    "ctc_loss": "nats",
    "ssim": "0 to 1",
    "wer": "errors per word",
    "mean_average_precision": "0 to 1",
    "bleu": "points",
    "ppl": "perplexity",
}


@dataclass(frozen=True)
class TimeUnit:
    """A unit of time: its sign and its length in seconds."""

    sign: str
    seconds: float

    def told(self, value_seconds: float) -> str:
        """Return a time with its unit, three digits; infinity is a miss."""
        if not math.isfinite(value_seconds):
            return "missed"
        return f"{value_seconds / self.seconds:,.3g} {self.sign}"


SECOND, MINUTE, HOUR = TimeUnit("s", 1.0), TimeUnit("min", 60.0), TimeUnit("h", 3600.0)


def unit_for(times_seconds: Iterable[float]) -> TimeUnit:
    """Return the unit in which the largest of some times is easy to read."""
    largest = max((t for t in times_seconds if math.isfinite(t)), default=0.0)
    return SECOND if largest < 300 else MINUTE if largest < 3 * 3600 else HOUR


def metric_axis(metric: str, split: str = "validation") -> str:
    """Return the label of an axis that shows a metric."""
    unit = _METRICS.get(metric)
    words = f"{split} {metric.replace('_', ' ')}"
    return f"{words} ({unit})" if unit else f"{words} (as recorded)"
