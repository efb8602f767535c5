"""When the trials of a submission ran, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.patches import Patch

from kit.records.record import TrialState
from kit.report.facts import Facts
from kit.report.figures.picture import Picture, picture_name
from kit.report.figures.style import (
    HATCHES,
    LIGHT,
    Theme,
    legend_below,
    name_rows,
    new_figure,
    rows_height,
    settings,
    shown,
)
from kit.report.trials import Trial
from kit.report.units import unit_for

_ORDER = (  # state -> place of its colour and hatch
    TrialState.TARGET_REACHED,
    TrialState.OUT_OF_TIME,
    TrialState.STOPPED_EARLY,
    TrialState.RULE_VIOLATION,
    TrialState.COMPLETED_WITHOUT_TARGET,
    TrialState.FAILED,
    TrialState.INTERRUPTED,
)


def schedule(facts: Facts, submission: str, *, theme: Theme = LIGHT) -> Picture | None:
    """Draw every attempt as a bar from start to end, a row for each workload and study.

    Logs do not tell when a trial ran, so there is nothing to draw of them.
    """
    trials = [t for t in facts.of_submission(submission) if t.started and t.ended and t.record]
    if not trials:
        return None
    rows = list(dict.fromkeys((t.id.label, t.id.study) for t in trials))
    spans = [_span(trial, trials) for trial in trials]
    unit = unit_for(end for _, end in spans)
    states = [state for state in _ORDER if any(t.state == state for t in trials)]
    with settings(theme):
        figure, (axes,) = new_figure(
            f"{submission}: schedule", height_inches=rows_height(len(rows))
        )
        for trial, (start, end) in zip(trials, spans, strict=True):
            place = _ORDER.index(TrialState(trial.state))
            axes.barh([rows.index((trial.id.label, trial.id.study))],
                      [max(end - start, 0.0) / unit.seconds], left=start / unit.seconds, height=0.7,
                      facecolor=theme.series[place], hatch=HATCHES[place], edgecolor=theme.paper,
                      linewidth=0.5,
                      gid=f"trial-{facts.numbers[trial.id, trial.attempt]}")  # fmt: skip
        name_rows(axes, [f"{label}, study {study}" for label, study in rows])
        axes.set_xlabel(f"time since the first start ({unit.sign})")
        samples = [
            Patch(facecolor=theme.series[n], hatch=HATCHES[n], edgecolor=theme.paper)
            for n in map(_ORDER.index, states)
        ]
        legend_below(figure, samples, [state.replace("_", " ") for state in states])
    counts = [f"{sum(t.state == state for t in trials)} {state}" for state in states]
    summary = (
        f"{len(trials)} attempts of {shown(submission)} within"
        f" {unit.told(max(end for _, end in spans))} of the first start:"
        f" {', '.join(counts).replace('_', ' ')}."
    )
    title = f"{submission}: schedule of its trials"
    name = picture_name("schedule", submission)
    return Picture(name, "schedule", submission, title, summary, figure, theme)


def _span(trial: Trial, trials: Sequence[Trial]) -> tuple[float, float]:
    """Return start and end in seconds since the first start of all."""
    first = min(t.started for t in trials if t.started)
    assert trial.started is not None
    assert trial.ended is not None
    return (
        (trial.started - first).total_seconds(),
        (trial.ended - first).total_seconds(),
    )
