"""What a reviewer should look at in a record that verifies: how it began, and what it reports.

Whether an evaluation may reach the target is the schedule's question (`kit/records/schedule.py`).
Here are signs of something else: parameters that were trained beforehand, and step counts that no
machine makes. A step count is the trainer's own report; no rule depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from kit.records.record import NANOSECONDS, Evaluation, TrialRecord
from kit.records.schedule import Schedule

FEW_STEPS = 10
GREAT_SHARE = 0.5  # of the distance from the initial parameters to the target
FASTEST_STEP_SECONDS = 1e-4  # mnist's, the fastest that was measured here, take 6e-4 s


def first_evaluation(record: TrialRecord, evaluations: Sequence[Evaluation]) -> str | None:
    """Return the first evaluation next to that of the initial parameters; None without any."""
    if not evaluations:
        return None
    metric = record.rules.target.metric
    first, initial = _values(record, evaluations[0])
    known = "not measured" if initial is None else f"{initial:.5g}"
    return (
        f"validation {metric} {first:.5g} (reported step {evaluations[0].step:,}, after "
        f"{evaluations[0].submission_seconds:.2f} s); initial parameters: {known}"
    )


def doubts(record: TrialRecord, evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """Yield a sentence for everything that a reviewer should look at."""
    yield from _too_good_a_start(record, evaluations)
    yield from _too_late_to_count(record, evaluations)
    yield from _too_fast(evaluations)


def _values(record: TrialRecord, first: Evaluation) -> tuple[float, float | None]:
    name = f"validation/{record.rules.target.metric}"
    return first.metrics.get(name, math.nan), (record.initial_metrics or {}).get(name)


def _too_good_a_start(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Doubts:
    if not evaluations:
        return
    target, first = record.rules.target, evaluations[0]
    value, initial = _values(record, first)
    if target.reached_by(value):
        yield (
            f"The first evaluation, at reported step {first.step:,}, is as good as the target: "
            "were these parameters trained beforehand, or evaluation data used?"
        )
        return
    if initial is None or initial == target.validation or first.step > FEW_STEPS:
        return
    share = (value - initial) / (target.validation - initial)
    if share > GREAT_SHARE:
        yield (
            f"The first evaluation, at reported step {first.step:,}, has gone {share:.0%} of the "
            f"way from the initial parameters ({initial:.5g}) to the target "
            f"({target.validation:g})."
        )


def _too_late_to_count(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Doubts:
    schedule = Schedule.of(record.rules)
    for evaluation in evaluations:
        value = evaluation.metrics.get(f"validation/{record.rules.target.metric}", math.nan)
        if record.rules.target.reached_by(value) and not schedule.may_reach(evaluation):
            late = (evaluation.submission_ns - evaluation.due_ns) / NANOSECONDS
            yield (
                f"Evaluation {evaluation.index} is as good as the target but does not count: it "
                f"came {late:.2f} s after it was due"
                + (" and is that of step 1." if evaluation.index == 1 else ".")
            )


def _too_fast(evaluations: Sequence[Evaluation]) -> _Doubts:
    step, moment = 0, 0.0
    fastest = math.inf
    for evaluation in evaluations:
        steps, seconds = evaluation.step - step, evaluation.submission_seconds - moment
        if steps > 0:
            fastest = min(fastest, seconds / steps)
        step, moment = evaluation.step, evaluation.submission_seconds
    if fastest < FASTEST_STEP_SECONDS:
        yield (
            f"Reported steps took {fastest:.1e} s each, faster than any step that was measured "
            f"({FASTEST_STEP_SECONDS:.0e} s): the step counts cannot be right."
        )


_Doubts = Iterator[str]
