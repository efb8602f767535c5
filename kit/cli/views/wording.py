"""Numbers as a reader wants them: durations, metrics, shares, sizes."""

from __future__ import annotations

import math


def seconds(value: float) -> str:
    """Return "0.42 s", "41.3 s", "3 min 20 s" or "2 h 05 min"."""
    if not math.isfinite(value):
        return "—"
    if value < 10:
        return f"{value:.2f} s"
    if value < 119.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def metric(value: float) -> str:
    """Return a metric with five significant digits, "NaN" when it is none."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.4g}"
    digits = max(0, 4 - math.floor(math.log10(abs(value)))) if abs(value) >= 1 else 5
    return f"{value:.{min(digits, 4)}f}"


def share(part: float, whole: float) -> str:
    """Return part of whole as "12%", "—" when there is no whole."""
    if whole <= 0:
        return "—"
    percent = 100 * part / whole
    return "<1%" if 0 < percent < 1 else f"{percent:.0f}%"


def size(count_bytes: float) -> str:
    """Return "812 MB" or "1.4 GB", in powers of ten."""
    if count_bytes >= 1e9:
        return f"{count_bytes / 1e9:.1f} GB"
    return f"{count_bytes / 1e6:.0f} MB"


def count(number: int, noun: str) -> str:
    """Return "1 step", "1,200 steps"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
