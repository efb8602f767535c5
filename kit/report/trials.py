"""Trials as figures and the page show them, from records or logs: facts only, nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kit.records.findings import VerificationReport
from kit.records.record import NANOSECONDS, TrialRecord, TrialState
from kit.scoring.reading.batch import Curve
from kit.scoring.reading.evidence import Trying, attempts_by_place, deciding_attempt
from kit.scoring.reading.load import Loaded
from kit.scoring.trial import MISSED, Goal, Outcome, Slot, TrialResult, censored, exact

NEVER_ENDED = "no_end"  # the ledger has a start and nothing else
RECORD_GONE = "no_record"


@dataclass(frozen=True)
class Spending:
    """Seconds by what they went into; the parts of submission time are the trainer's own words."""

    setup: float
    compilation: float
    data_wait: float
    handover: float
    training: float  # the rest of submission time
    evaluation: float
    logging: float


@dataclass(frozen=True)
class Trial:
    """One attempt at a trial."""

    slot: Slot
    attempt: int
    state: str
    outcome: Outcome
    goal: Goal
    curve: Curve = field(default_factory=Curve)
    deciding: bool = True  # the attempt that counts for its trial
    scored: bool = True  # its workload enters the score
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    spending: Spending | None = None
    started: datetime | None = None
    ended: datetime | None = None
    report: VerificationReport | None = None

    @property
    def record(self) -> TrialRecord | None:
        """Return the record; logs have none."""
        return self.report.record if self.report else None

    @property
    def seconds(self) -> float | None:
        """Return the time to target; infinity is a miss, None a trial that was stopped early."""
        return self.outcome.highest if self.outcome.is_exact else None

    @property
    def submission_seconds(self) -> float:
        """Return the submission time at the end, or at the last evaluation that is known."""
        if self.record:
            return self.record.submission_seconds
        return float(self.curve.seconds[-1]) if self.curve.seconds else 0.0

    @property
    def best_value(self) -> float | None:
        """Return the best validation value; None where no evaluation gave a number."""
        values = [value for value in self.curve.values if math.isfinite(value)]
        if not values:
            return None
        return max(values) if self.goal.higher_is_better else min(values)


def trials_of(loaded: Loaded) -> list[Trial]:
    """Return all attempts that were read, in the order of their places."""
    if loaded.form == "records":
        found = list(_from_records(loaded))
    else:
        found = [_from_log(result, loaded) for result in loaded.results.trials.values()]
    return sorted(found, key=_order(loaded))


def best_of_studies(trials: Iterable[Trial]) -> set[tuple[Slot, int]]:
    """Return slot and attempt of each study's best trial: the fastest, or else the best value."""
    studies: dict[tuple[object, ...], list[Trial]] = {}
    for trial in trials:
        slot = trial.slot
        if trial.deciding and len(trial.curve.values):
            place = (slot.submission, slot.base, slot.variant, slot.study)
            studies.setdefault(place, []).append(trial)
    best = (min(study, key=_worth) for study in studies.values())
    return {(trial.slot, trial.attempt) for trial in best}


def _worth(trial: Trial) -> tuple[float, float]:
    value = trial.best_value
    badness = math.inf if value is None else -value if trial.goal.higher_is_better else value
    return (trial.outcome.highest, badness)


def _order(loaded: Loaded) -> Any:
    bases = list(loaded.ruleset.workloads)

    def key(trial: Trial) -> tuple[object, ...]:
        slot = trial.slot
        place = bases.index(slot.base) if slot.base in bases else len(bases)
        label = (place, slot.base, slot.variant or "")
        return (slot.submission, *label, slot.study, slot.trial, trial.attempt)

    return key


def _from_log(result: TrialResult, loaded: Loaded) -> Trial:
    goal = loaded.results.rules.goals[result.slot.base, result.slot.variant]
    curve = loaded.curves.get(result.slot, Curve())
    return Trial(result.slot, 1, result.state, result.outcome, goal, curve)


def _from_records(loaded: Loaded) -> Iterator[Trial]:
    for place, attempts in sorted(attempts_by_place(loaded.evidence).items()):
        if place[0] != loaded.ruleset.name:
            continue
        decided = deciding_attempt(attempts, loaded.ruleset.max_attempts).attempt
        for attempt in sorted(attempts, key=lambda one: one.identification.attempt):
            yield _from_attempt(attempt, loaded, deciding=attempt is decided)


def _from_attempt(attempt: Trying, loaded: Loaded, *, deciding: bool) -> Trial:
    which, report = attempt.identification, attempt.report
    rules = loaded.results.rules
    base, variant = rules.split(which.workload_label) or (which.workload_label, None)
    slot = Slot(which.submission, base, variant, which.study, which.trial)
    goal = rules.goals.get((base, variant), Goal("metric", True, math.nan, math.nan))
    scored = rules.counts(base, variant) and which.submission in loaded.results.submissions
    record = report.record if report else None
    if report is None or record is None:
        state = NEVER_ENDED if attempt.state is None else RECORD_GONE
        return Trial(slot, which.attempt, state, MISSED, goal, deciding=deciding, scored=scored)
    target, limit = record.rules.target, record.rules.max_runtime_seconds
    judged = loaded.results.trials.get(slot)
    counted = judged is not None and judged.source == str(report.path)
    return Trial(
        slot=slot,
        attempt=which.attempt,
        state=record.state.value,
        outcome=judged.outcome if judged and counted else _outcome(record),
        goal=Goal(target.metric, target.higher_is_better, target.validation, limit),
        curve=_curve(report, target.metric),
        deciding=deciding,
        scored=scored,
        hyperparameters=record.hyperparameters,
        spending=spending_of(record),
        started=_moment(record.started_at),
        ended=_moment(record.ended_at),
        report=report,
    )


def _outcome(record: TrialRecord) -> Outcome:
    if record.state is TrialState.STOPPED_EARLY:
        return censored(record.submission_seconds, [reason.rule for reason in record.stop_reasons])
    reached = record.time_to_target_seconds
    return MISSED if reached is None else exact(reached)


def _curve(report: VerificationReport, metric: str) -> Curve:
    rows, name = report.evaluations, f"validation/{metric}"
    return Curve(
        [row.submission_seconds for row in rows],
        [float(row.step) for row in rows],
        [row.metrics.get(name, math.nan) for row in rows],
    )


def spending_of(record: TrialRecord) -> Spending:
    """Return where the seconds of a trial went; parts never exceed submission time together."""
    phases = {"setup": 0.0, "submission": 0.0, "evaluation": 0.0, "logging": 0.0}
    for segment in record.segments:
        phases[segment.phase] += (segment.end_ns - segment.start_ns) / NANOSECONDS
    report, left = record.trainer_report, phases["submission"]
    parts = []
    for claimed in (report.compile_seconds, report.data_wait_seconds, report.handover_seconds):
        part = min(max(claimed, 0.0), left) if math.isfinite(claimed) else 0.0
        parts.append(part)
        left -= part
    compilation, data_wait, handover = parts
    return Spending(
        setup=phases["setup"],
        compilation=compilation,
        data_wait=data_wait,
        handover=handover,
        training=left,
        evaluation=phases["evaluation"],
        logging=phases["logging"],
    )


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def labels_of(trials: Sequence[Trial]) -> list[str]:
    """Return workloads and variants in their order, each once."""
    return list(dict.fromkeys(trial.slot.label for trial in trials))
