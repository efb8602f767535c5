"""Trials as figures and the page show them, from records or logs: facts only, nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.records.findings import VerificationReport
from kit.records.record import NANOSECONDS, TrialRecord, TrialState
from kit.scoring.reading.batch import Curve
from kit.scoring.reading.evidence import Trying, attempts_by_trial, deciding_attempt
from kit.scoring.reading.load import Loaded
from kit.scoring.trial import MISSED, Goal, Outcome, TrialResult, censored, exact

NEVER_ENDED = "no_end"  # the ledger has a start and nothing else
RECORD_GONE = "no_record"
# Of a trial without a record, on a workload that the ruleset does not have.
_UNKNOWN_GOAL = Goal(Target(metric="unknown", higher_is_better=True, validation=0.0), math.nan)


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

    id: TrialId
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
        return self.goal.target.best(values)


def trials_of(loaded: Loaded) -> list[Trial]:
    """Return all attempts that were read, in the order of their places."""
    if loaded.form == "records":
        found = list(_from_records(loaded))
    else:
        found = [_from_log(result, loaded) for result in loaded.results.trials.values()]
    return sorted(found, key=_order(loaded))


def best_of_studies(trials: Iterable[Trial]) -> set[tuple[TrialId, int]]:
    """Return id and attempt of each study's best trial: the fastest, or else the best value."""
    studies: dict[tuple[object, ...], list[Trial]] = {}
    for trial in trials:
        trial_id = trial.id
        if trial.deciding and len(trial.curve.values):
            place = (trial_id.submission, trial_id.workload, trial_id.variant, trial_id.study)
            studies.setdefault(place, []).append(trial)
    best = (min(study, key=_worth) for study in studies.values())
    return {(trial.id, trial.attempt) for trial in best}


def _worth(trial: Trial) -> tuple[float, float]:
    value = trial.best_value
    badness = math.inf if value is None else -value if trial.goal.target.higher_is_better else value
    return (trial.outcome.highest, badness)


def _order(loaded: Loaded) -> Any:
    bases = list(loaded.ruleset.workloads)

    def key(trial: Trial) -> tuple[object, ...]:
        trial_id = trial.id
        place = bases.index(trial_id.workload) if trial_id.workload in bases else len(bases)
        label = (place, trial_id.workload, trial_id.variant or "")
        return (trial_id.submission, *label, trial_id.study, trial_id.trial, trial.attempt)

    return key


def _from_log(result: TrialResult, loaded: Loaded) -> Trial:
    goal = loaded.results.rules.goals[result.id.workload, result.id.variant]
    curve = loaded.curves.get(result.id, Curve())
    return Trial(result.id, 1, result.state, result.outcome, goal, curve)


def _from_records(loaded: Loaded) -> Iterator[Trial]:
    for attempts in attempts_by_trial(loaded.evidence):
        if attempts[0].identification.ruleset != loaded.ruleset.name:
            continue
        decided = deciding_attempt(attempts, loaded.ruleset.max_attempts).attempt
        for attempt in attempts:
            yield _from_attempt(attempt, loaded, deciding=attempt is decided)


def _from_attempt(attempt: Trying, loaded: Loaded, *, deciding: bool) -> Trial:
    which, report = attempt.identification, attempt.report
    rules = loaded.results.rules
    base, variant = rules.split(which.workload_label) or (which.workload_label, None)
    trial_id = TrialId(which.ruleset, which.submission, base, variant, which.study, which.trial)
    goal = rules.goals.get((base, variant), _UNKNOWN_GOAL)
    scored = rules.counts(base, variant) and which.submission in loaded.results.submissions
    record = report.record if report else None
    if report is None or record is None:
        state = NEVER_ENDED if attempt.state is None else RECORD_GONE
        return Trial(trial_id, which.attempt, state, MISSED, goal, deciding=deciding, scored=scored)
    target, limit = record.rules.target, record.rules.max_runtime_seconds
    judged = loaded.results.trials.get(trial_id)
    counted = judged is not None and judged.source == str(report.path)
    return Trial(
        id=trial_id,
        attempt=which.attempt,
        state=record.state.value,
        outcome=judged.outcome if judged and counted else _outcome(record),
        goal=Goal(target, limit),
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
    return list(dict.fromkeys(trial.id.label for trial in trials))
