"""All figures of a report, one after another: each is drawn when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

from kit.report.facts import Facts
from kit.report.figures.curves import curves
from kit.report.figures.leaderboard import performance_profiles, scores
from kit.report.figures.picture import Picture
from kit.report.figures.schedule import schedule
from kit.report.figures.sensitivity import sensitivity
from kit.report.figures.spending import time_spent
from kit.report.figures.style import LIGHT, Theme
from kit.report.figures.times import times_to_target


def all_pictures(facts: Facts, *, theme: Theme = LIGHT, legend: bool = True) -> Iterator[Picture]:
    """Yield every figure that there is something to draw for.

    Args:
        facts: of the report.
        theme: colours.
        legend: name the submissions below the curves of each workload.
    """
    compared = len({trial.id.submission for trial in facts.trials}) > 1
    if compared:
        yield from filter(None, (scores(facts, theme=theme),))
        yield from filter(None, (performance_profiles(facts, theme=theme),))
    for label in facts.labels:
        drawn = (
            curves(facts, label, legend=legend, theme=theme),
            curves(facts, label, against="steps", legend=legend, theme=theme),
            times_to_target(facts, label, theme=theme) if len(facts.trials) > 1 else None,
            time_spent(facts, label, theme=theme),
        )
        yield from filter(None, drawn)
    for name in facts.submissions:
        yield from filter(None, (sensitivity(facts, name, theme=theme),))
        yield from filter(None, (schedule(facts, name, theme=theme),))
