"""The end of a trial in words: verdict first, then what it rests on, then how to check it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.cli.views import wording
from kit.cli.views.concerns import concerns
from kit.cli.views.jsonl import finite
from kit.cli.views.layout import Section, Summary, kit_command, shown_path
from kit.records.plausibility import first_evaluation
from kit.records.record import NANOSECONDS, TrialState
from kit.records.signing import DEVELOPMENT_KEY

if TYPE_CHECKING:
    from kit.records.record import TrialRecord
    from kit.referee.events import Outcome

TRACEBACK_LINES = 8
_ISOLATION = {
    "container": "container: its own user, no network, read-only system, key and evaluation data"
    " hidden",
    "bubblewrap": "bubblewrap: no network, read-only system, key and evaluation data hidden",
    "process": "process: a process of its own, but files and network are open to it"
    " (install bubblewrap for more)",
    "inline": "inline: everything in one process, for debugging; nothing is protected",
}
_HEADLINES = {
    TrialState.TARGET_REACHED: "Target reached after {time} of submission time and {steps}.",
    TrialState.OUT_OF_TIME: "Target missed: out of time after {time} and {steps}.",
    TrialState.COMPLETED_WITHOUT_TARGET: "Target missed: the submission ended by itself after"
    " {time} and {steps}.",
    TrialState.STOPPED_EARLY: "Stopped early after {time} and {steps}: no continuation could"
    " change the score.",
    TrialState.FAILED: "The trial failed after {time} of submission time and {steps}.",
    TrialState.RULE_VIOLATION: "Rule violation after {time} of submission time and {steps}.",
    TrialState.INTERRUPTED: "Interrupted after {time} of submission time and {steps}.",
}
_QUICK_HEADLINES = {
    TrialState.FAILED: "Quick check: the submission failed after {time} and {steps}.",
    TrialState.RULE_VIOLATION: "Quick check: a rule was broken after {time} and {steps}.",
    TrialState.INTERRUPTED: "Quick check: interrupted after {time} and {steps}.",
}
_QUICK_HEADLINE = "Quick check: the submission ran {steps} in {time} and was evaluated."


def summarize(
    outcome: Outcome, *, request: Sequence[str], directory: Path, quick: bool = False
) -> Summary:
    """Explain `outcome`.

    Args:
        request: the options of `kit run` that describe the trial, to repeat it.
        directory: where the user is; paths are shown relative to it.
        quick: it was a `--quick` check.
    """
    record = outcome.record
    good = record.state is TrialState.TARGET_REACHED or (
        quick and record.state not in _QUICK_HEADLINES
    )
    sections = [
        *_result(outcome, quick=quick),
        *_conditions(record),
        *_cost(outcome),
        *_evidence(outcome, directory),
        *_failure(record),
        *_next_steps(outcome, request, directory, quick=quick),
    ]
    return Summary(good, _headline(record, quick=quick), tuple(sections))


def _headline(record: TrialRecord, *, quick: bool) -> str:
    template = _HEADLINES[record.state]
    if quick:
        template = _QUICK_HEADLINES.get(record.state, _QUICK_HEADLINE)
    return template.format(
        time=wording.seconds(record.submission_seconds),
        steps=wording.count(record.steps, "reported step"),
    )


def _result(outcome: Outcome, *, quick: bool) -> list[Section]:
    record = outcome.record
    sections = [Section("Metric", _metric_sentence(outcome))]
    if record.state not in (TrialState.TARGET_REACHED, TrialState.OUT_OF_TIME):
        sections.append(Section("Reason", record.reason))
    first = first_evaluation(record, outcome.evaluations)
    sections += [Section("Beginning", first)] if first else []
    sections.append(Section("Standing", _standing(outcome)))
    flagged = [text for text in concerns(outcome) if text != record.reason]
    if quick and not flagged:
        flagged = ["nothing, as far as a check this short can tell"]
    return sections + [Section("Flagged", text) for text in flagged]


def _standing(outcome: Outcome) -> str:
    record = outcome.record
    if not record.official:
        return "not official: " + ("; ".join(record.unofficial_reasons) or "no reason recorded")
    if outcome.key_name == DEVELOPMENT_KEY or not outcome.attested:
        return (
            f"ran under all conditions of ruleset {record.rules.ruleset!r}; it would be official"
            " if an organiser's key had signed it"
        )
    return f"official: this attempt counts under ruleset {record.rules.ruleset!r}"


def _metric_sentence(outcome: Outcome) -> str:
    record = outcome.record
    target = record.rules.target
    sign = "≥" if target.higher_is_better else "≤"
    wanted = f"the target is {sign} {wording.metric(target.validation)}"
    key = f"validation/{target.metric}"
    values = [e.metrics[key] for e in outcome.evaluations if key in e.metrics]
    if not values:
        return f"validation {target.metric} was never measured; {wanted}"
    if record.state is TrialState.TARGET_REACHED:
        return f"validation {target.metric} {wording.metric(values[-1])}; {wanted}"
    numbers = [value for value in values if value == value]
    if not numbers:
        return f"validation {target.metric} was NaN at every evaluation; {wanted}"
    best = max(numbers) if target.higher_is_better else min(numbers)
    if best == values[-1]:
        return f"validation {target.metric} {wording.metric(best)} at the end; {wanted}"
    return (
        f"validation {target.metric} {wording.metric(values[-1])} at the end,"
        f" {wording.metric(best)} at best; {wanted}"
    )


def _conditions(record: TrialRecord) -> list[Section]:
    chosen = ", ".join(f"{key}={value}" for key, value in record.hyperparameters.items())
    variant = f", variant {record.variant}" if record.variant else ""
    return [
        Section(
            "Trial",
            f"{record.submission} on {record.workload}{variant} ({record.rules.scale}), study"
            f" {record.study}, trial {record.trial}, attempt {record.attempt}",
        ),
        Section("Settings", f"batch size {record.batch_size}{', ' if chosen else ''}{chosen}"),
        Section("Isolation", _ISOLATION[record.isolation]),
    ]


def _cost(outcome: Outcome) -> list[Section]:
    record = outcome.record
    report = record.trainer_report
    used, budget = record.submission_seconds, record.rules.max_runtime_seconds
    parts = [f"{wording.seconds(used)} of a budget of {wording.seconds(budget)}"]
    if report.compile_seconds:
        part = wording.share(report.compile_seconds, used)
        parts.append(f"{wording.seconds(report.compile_seconds)} of it compilation ({part})")
    evaluation_ns = sum(s.end_ns - s.start_ns for s in record.segments if s.phase == "evaluation")
    total_ns = max((s.end_ns for s in record.segments), default=0)
    sections = [
        Section("Time", ", ".join(parts)),
        Section(
            "Evaluation",
            f"{wording.count(len(outcome.evaluations), 'evaluation')} took"
            f" {wording.seconds(evaluation_ns / NANOSECONDS)} off the clock"
            f" ({wording.share(evaluation_ns, total_ns)} of the trial's"
            f" {wording.seconds(total_ns / NANOSECONDS)} in all)",
        ),
    ]
    memory = []
    if record.peak_trainer_memory_bytes is not None:
        memory.append(f"the trainer used up to {wording.size(record.peak_trainer_memory_bytes)}")
    if record.peak_device_memory_bytes is not None:
        memory.append(f"its device up to {wording.size(record.peak_device_memory_bytes)}")
    return [*sections, Section("Memory", ", ".join(memory))] if memory else sections


def _evidence(outcome: Outcome, directory: Path) -> list[Section]:
    key = outcome.key_name
    if not outcome.attested:
        key = "nobody: the record could not be signed, so it proves nothing"
    elif key == DEVELOPMENT_KEY:
        key += ": fine for your own use, not for a leaderboard"
    return [
        Section("Record", shown_path(outcome.folder, directory)),
        Section("Signed by", key),
        Section("Verdict code", f"{outcome.verdict_code} (`kit verify` shows the same)"),
    ]


def _failure(record: TrialRecord) -> list[Section]:
    failure = record.failure
    if failure is None:
        return []
    sections = []
    if failure.exit_status:
        sections.append(Section("Trainer", f"ended with {failure.exit_status}"))
    text = failure.traceback or failure.log_tail
    if text:
        label = "Traceback, last lines" if failure.traceback else "Trainer's log, last lines"
        sections.append(Section(label, lines=tuple(text.rstrip().splitlines()[-TRACEBACK_LINES:])))
    return sections


def _next_steps(
    outcome: Outcome, request: Sequence[str], directory: Path, *, quick: bool
) -> list[Section]:
    kit, folder = kit_command(directory), shown_path(outcome.folder, directory)
    run = f"{kit} run {shlex.join(request)}"
    state = outcome.record.state
    steps = []
    if outcome.attested:
        steps.append(Section("Verify it", lines=(f"{kit} verify {shlex.quote(folder)}",)))
    if quick and state not in _QUICK_HEADLINES:
        steps.append(Section("Run it in full", lines=(run,)))
    separate = outcome.record.isolation != "inline"
    if separate and state in (TrialState.FAILED, TrialState.RULE_VIOLATION):
        steps.append(Section("What the trainer printed", lines=(f"{folder}/log.txt",)))
    if separate and state is TrialState.FAILED:
        steps.append(Section("Try it in one process, under a debugger", lines=(f"{run} --inline",)))
    elif state is TrialState.INTERRUPTED:
        steps.append(Section("Repeat it", lines=(run,)))
    return steps


def as_json(outcome: Outcome, *, quick: bool = False) -> dict[str, Any]:
    """Return the summary for a program; infinite and NaN numbers are strings."""
    record = outcome.record
    body: dict[str, Any] = finite(
        {
            "state": record.state.value,
            "target_reached": record.state is TrialState.TARGET_REACHED,
            "headline": _headline(record, quick=quick),
            "time_to_target_seconds": record.time_to_target_seconds,
            "submission_seconds": record.submission_seconds,
            "steps": record.steps,
            "official": record.official,
            "concerns": concerns(outcome),
            "folder": str(outcome.folder),
            "verdict_code": outcome.verdict_code,
            "key": outcome.key_name,
            "attested": outcome.attested,
            "trial": record.model_dump(mode="json"),
            "evaluations": [e.model_dump() for e in outcome.evaluations],
        }
    )
    return body
