"""Recomputes what a record derives: order, times, target, state and seeds from the raw numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kit.records.files import EVALUATIONS, TRIAL
from kit.records.findings import Finding, Status
from kit.records.record import (
    NANOSECONDS,
    Evaluation,
    RulesRecord,
    Segment,
    TrialRecord,
    TrialState,
)
from kit.records.schedule import Schedule

_ROUNDING_SECONDS = 1e-9
_Problems = Iterator[str]


@dataclass(frozen=True)
class _Check:
    name: str
    file: str
    find: Callable[[TrialRecord, Sequence[Evaluation]], _Problems]
    fine: str
    only_official: bool = False  # a rule that an unofficial run may leave: then it is but a note


def recompute(record: TrialRecord, evaluations: Sequence[Evaluation]) -> list[Finding]:
    """Check every derived number of a record against its raw evaluations, clock and rules."""
    findings = []
    for check in _CHECKS:
        problems = list(check.find(record, evaluations))
        excused = check.only_official and not record.official
        status: Status = "note" if excused else "problem"
        findings += [Finding(check.name, status, check.file, problem) for problem in problems]
        if not problems:
            findings.append(Finding(check.name, "ok", check.file, check.fine))
    return findings


def first_reaching(rules: RulesRecord, evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """Return the first evaluation that reaches the target, by its value and by the schedule."""
    schedule, name = Schedule.of(rules), f"validation/{rules.target.metric}"
    good = (e for e in evaluations if rules.target.reached_by(e.metrics.get(name)))
    return next(filter(schedule.may_reach, good), None)


def _order(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    indices = [evaluation.index for evaluation in evaluations]
    if indices != list(range(1, len(evaluations) + 1)):
        yield f"The indices must count from 1 without gaps; they are {_some(indices)}."
    for before, after in pairwise(evaluations):
        if after.step <= before.step:
            yield f"Evaluation {after.index}: the step {after.step} is not after {before.step}."
    if evaluations and record.steps < evaluations[-1].step:
        yield f"{TRIAL} counts {record.steps} steps, the last evaluation {evaluations[-1].step}."


def _schedule(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    schedule, budget_ns = Schedule.of(record.rules), _budget_ns(record)
    if schedule.kind == "after_previous" and evaluations and evaluations[0].step != 1:
        yield f"The first evaluation came after step {evaluations[0].step}, by the rules after 1."
    for number, evaluation in enumerate(evaluations):
        earlier = evaluations[:number]
        due_ns = schedule.due_ns(earlier, evaluation.submission_ns)
        if evaluation.due_ns != due_ns:
            yield (
                f"Evaluation {evaluation.index} is said to be due at {evaluation.due_ns} ns, by "
                f"the rules at {due_ns} ns."
            )
        # An algorithm that finishes by itself gets a last evaluation. By a fixed schedule it waits
        # until that is due, if the budget lasts so long.
        last = evaluation is evaluations[-1] and record.state in _MAY_END_EARLY
        waits = schedule.kind == "fixed" and due_ns < budget_ns
        if evaluation.submission_ns < due_ns and (waits or not last):
            yield (
                f"Evaluation {evaluation.index} came at {evaluation.submission_seconds:.3f} s, "
                f"before {due_ns / NANOSECONDS:.3f} s, when it was due (eval period: "
                f"{record.rules.eval_period_seconds:g} s)."
            )


def _budget(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    budget_ns = _budget_ns(record)
    for evaluation in evaluations:
        if evaluation.submission_ns > budget_ns:
            yield (
                f"Evaluation {evaluation.index} was granted at {evaluation.submission_seconds:.3f} "
                f"s, after the budget of {record.rules.max_runtime_seconds:g} s."
            )
    if record.state is TrialState.OUT_OF_TIME and _submission_ns(record) < budget_ns:
        yield (
            f"The state is out_of_time, but only {record.submission_seconds:.3f} s of "
            f"{record.rules.max_runtime_seconds:g} s were used."
        )


def _target(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    target = record.rules.target
    for evaluation in evaluations:
        if f"validation/{target.metric}" not in evaluation.metrics:
            yield f"Evaluation {evaluation.index} has no validation/{target.metric}."
    reached = first_reaching(record.rules, evaluations)
    if reached is not None and reached is not evaluations[-1]:
        yield (
            f"Evaluation {reached.index} reached the target, but "
            f"{len(evaluations) - reached.index} more followed."
        )


def _state(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    reached = first_reaching(record.rules, evaluations)
    if reached is None and record.state is TrialState.TARGET_REACHED:
        yield "The state is target_reached, but no evaluation reached the target."
    if reached is not None and record.state not in _AFTER_TARGET:
        yield f"Evaluation {reached.index} reached the target, but the state is {record.state}."
    expected = None
    if reached is not None and record.state is TrialState.TARGET_REACHED:
        expected = reached.submission_seconds
        if _submission_ns(record) != reached.submission_ns:
            yield "Submission time went on after the evaluation that reached the target."
    if record.time_to_target_seconds != expected:
        yield (
            f"time_to_target_seconds is {_seconds(record.time_to_target_seconds)}; recomputed from "
            f"{EVALUATIONS}: {_seconds(expected)}."
        )
    if record.state is TrialState.FAILED and record.failure is None:
        yield "The state is failed, but no failure is described."
    if record.stop_reasons and record.state is not TrialState.STOPPED_EARLY:
        yield f"There are stop_reasons, but the state is {record.state}."


def _segments(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    end_ns = 0
    for number, segment in enumerate(record.segments, start=1):
        if segment.start_ns != end_ns:
            yield (
                f"Segment {number} starts at {segment.start_ns} ns, but the time before it ends at "
                f"{end_ns} ns."
            )
        if segment.end_ns < segment.start_ns:
            yield f"Segment {number} ends before it starts."
        end_ns = segment.end_ns
    submission_seconds = _submission_ns(record) / NANOSECONDS
    if not abs(record.submission_seconds - submission_seconds) <= _ROUNDING_SECONDS:
        yield (
            f"submission_seconds is {record.submission_seconds!r}, but the submission segments sum "
            f"to {submission_seconds!r}."
        )


def _clock(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    stops: list[tuple[int, Segment]] = []  # submission time at each evaluation segment
    submission_ns = 0
    for segment in record.segments:
        if segment.phase == "submission":
            submission_ns += segment.end_ns - segment.start_ns
        elif segment.phase == "evaluation":
            stops.append((submission_ns, segment))
    for row, (stopped_ns, segment) in zip(evaluations, stops, strict=False):
        if row.submission_ns != stopped_ns:
            yield (
                f"Evaluation {row.index} is said to be at {row.submission_ns} ns of submission "
                f"time; by the segments in {TRIAL} the clock stopped at {stopped_ns} ns."
            )
        end_ns = row.total_ns + row.evaluation_ns
        if (segment.start_ns, segment.end_ns) != (row.total_ns, end_ns):
            yield (
                f"Evaluation {row.index} is said to last from {row.total_ns} to {end_ns} ns; "
                f"its segment in {TRIAL} lasts from {segment.start_ns} to {segment.end_ns} ns."
            )
        if row.freeze_ns < 0 or row.pause_cpu_seconds < 0:
            yield f"Evaluation {row.index}: freeze_ns or pause_cpu_seconds is negative."
    # The last one may have no row: refused, interrupted, or at a step evaluated before.
    if len(stops) - len(evaluations) not in (0, 1):
        yield (
            f"There are {len(evaluations)} evaluations, but {len(stops)} evaluation segments in "
            f"{TRIAL}."
        )


def _seeds(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    from kit.rules.seeds import TrialSeeds

    try:
        secret = bytes.fromhex(record.seeds.secret)
        derived = TrialSeeds.from_secret(secret)
    except ValueError as error:
        yield f"seeds.secret is not usable: {error}."
        return
    if hashlib.sha256(secret).hexdigest() != record.seeds.commitment:
        yield "seeds.commitment is not the sha256 of seeds.secret."
    for name in ("initialization", "data", "algorithm"):
        recorded, expected = getattr(record.seeds, name), getattr(derived, name)
        if recorded != expected:
            yield f"seeds.{name} is {recorded}, but the secret gives {expected}."


def _official(record: TrialRecord, evaluations: Sequence[Evaluation]) -> _Problems:
    if record.official and record.unofficial_reasons:
        yield f"official is true, but there are reasons against it: {record.unofficial_reasons}."
    if not record.official and not record.unofficial_reasons:
        yield "official is false, but no reason is given."
    if record.official and record.isolation == "inline":
        yield "official is true, but the trial ran inline, without a referee of its own."


def _budget_ns(record: TrialRecord) -> int:
    return round(record.rules.max_runtime_seconds * NANOSECONDS)


def _submission_ns(record: TrialRecord) -> int:
    return sum(s.end_ns - s.start_ns for s in record.segments if s.phase == "submission")


def _some(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")


def _seconds(value: float | None) -> str:
    return "infinite (null)" if value is None else f"{value!r} s"


# A violation may be found in the pause of the very evaluation that reached the target.
_AFTER_TARGET = (TrialState.TARGET_REACHED, TrialState.RULE_VIOLATION)
_MAY_END_EARLY = (*_AFTER_TARGET, TrialState.COMPLETED_WITHOUT_TARGET)

_CHECKS = (
    _Check("order", EVALUATIONS, _order, "Evaluations count from 1 and their steps increase."),
    _Check(
        "schedule",
        EVALUATIONS,
        _schedule,
        "Evaluations came by the schedule, none before it was due.",
        only_official=True,
    ),
    _Check("budget", EVALUATIONS, _budget, "Every evaluation lies within the budget."),
    _Check("target", EVALUATIONS, _target, "No evaluation followed one that reached the target."),
    _Check("state", TRIAL, _state, "State and time to target follow from the evaluations."),
    _Check("segments", TRIAL, _segments, "The clock has no gaps and its parts sum to the totals."),
    _Check("clock", EVALUATIONS, _clock, "Every evaluation's times are those of the clock."),
    _Check("seeds", TRIAL, _seeds, "The seeds derive from the secret that was committed to."),
    _Check("official", TRIAL, _official, "The official flag and its reasons agree."),
)
