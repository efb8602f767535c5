"""What a reviewer would ask about a trial: things that look wrong although no rule was broken."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kit.cli.views import wording
from kit.records.plausibility import doubts
from kit.records.record import NANOSECONDS, TrialState

if TYPE_CHECKING:
    from kit.records.record import Evaluation
    from kit.referee.events import Outcome

LATE_SECONDS = 1.0
COMPILATION_SHARE = 0.5


def concerns(outcome: Outcome) -> list[str]:
    """Return one sentence for everything that would be flagged, the gravest first."""
    record, evaluations = outcome.record, outcome.evaluations
    found: list[str] = []
    if record.state in (TrialState.FAILED, TrialState.RULE_VIOLATION):
        found.append(record.reason)
    if not evaluations:
        return [*found, "No evaluation took place, so nothing is known about the result."]
    found += _about_parameters(evaluations)
    found += _about_learning(outcome)
    found += doubts(record, evaluations)
    # Before the first evaluation lie imports and compilation.
    lateness = [(e.submission_ns - e.due_ns) / NANOSECONDS for e in evaluations[1:]]
    late = max(lateness, default=0.0)
    if late > LATE_SECONDS:
        found.append(
            f"The trainer yielded up to {wording.seconds(late)} after an evaluation was due:"
            " its steps are long, or it waited."
        )
    used = sum(e.pause_cpu_seconds for e in evaluations)
    if used > 0.1:
        found.append(
            f"The trainer used {wording.seconds(used)} of CPU time while it should stand still."
        )
    compiling = record.trainer_report.compile_seconds
    if compiling > COMPILATION_SHARE * record.submission_seconds:
        part = wording.share(compiling, record.submission_seconds)
        found.append(f"Compilation took {part} of the submission time; it counts.")
    return found


def _about_parameters(evaluations: tuple[Evaluation, ...]) -> list[str]:
    found = []
    broken = next((e for e in evaluations if not e.finite), None)
    if broken is not None:
        found.append(
            f"Parameters became NaN or infinite by reported step {broken.step:,}: lower the"
            " learning rate, clip gradients, or look for a division by zero."
        )
    if evaluations[-1].step > 1 and evaluations[-1].distance_from_initial == 0:
        found.append("The evaluated parameters are still the initial ones: does the update apply?")
    return found


def _about_learning(outcome: Outcome) -> list[str]:
    target = outcome.record.rules.target
    values = [e.metrics.get(f"validation/{target.metric}", math.nan) for e in outcome.evaluations]
    if len(values) < 2 or any(math.isnan(value) for value in values):
        return []
    gain = values[-1] - values[0] if target.higher_is_better else values[0] - values[-1]
    if gain > 0:
        return []
    return [
        f"Validation {target.metric} did not improve: {wording.metric(values[0])} at"
        f" reported step {outcome.evaluations[0].step:,}, {wording.metric(values[-1])} at the end."
    ]
