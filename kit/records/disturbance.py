"""Whether a trial had its machine to itself: the rule, given what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from kit.records.record import ContentionRecord
from kit.rules.ruleset import ContentionLimits


def disturbances(measured: ContentionRecord, limits: ContentionLimits | None) -> list[str]:
    """Return in which ways a trial was disturbed beyond the limits, one sentence each.

    What could not be measured is no disturbance. Pressure and load decide nothing: a trial with
    more threads than CPUs causes them itself.
    """
    return [] if limits is None else list(_disturbances(measured, limits))


def _disturbances(measured: ContentionRecord, limits: ContentionLimits) -> Iterator[str]:
    seconds, all_cpus = measured.seconds, measured.seconds * (measured.cpus or 1)
    of_time, of_cpus = "of the submission time", "of the machine's CPU time"
    for what, used, available, share, unit in (
        ("Other processes used", measured.other_cpu_seconds, all_cpus, limits.other_cpu, of_cpus),
        ("The hypervisor withheld", measured.steal_seconds, all_cpus, limits.steal, of_cpus),
        ("A CPU quota held the trial back for", measured.throttled_seconds, seconds,
         limits.throttled, of_time),
    ):  # fmt: skip
        if used is not None and used > share * available:
            yield f"{what} {used / available:.0%} {unit}; the limit is {share:.0%}."
