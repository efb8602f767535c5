"""Turn the end of a trial into its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kit import __version__
from kit.exchange.messages import Report
from kit.planning.request import TrialPlan
from kit.records.disturbance import disturbances
from kit.records.record import (
    BackendRecord,
    Evaluation,
    Failure,
    FreezingRecord,
    IsolationLevel,
    RulesRecord,
    ScheduleRecord,
    SeedsRecord,
    StopReason,
    TrainerReport,
    TrialRecord,
    TrialState,
)
from kit.referee import environment
from kit.referee.clock import Clock, seconds
from kit.referee.proc import cpu_clock


@dataclass(frozen=True)
class Verdict:
    """How a trial ended and why."""

    state: TrialState
    reason: str
    report: Report = field(default_factory=Report)
    failure: Failure | None = None


@dataclass(frozen=True)
class Ending:
    """What is known when the trainer is gone and the clock stands."""

    verdict: Verdict
    evaluations: tuple[Evaluation, ...]
    log: bytes = b""
    peak_trainer_memory_bytes: int | None = None
    trainer_environment: Mapping[str, str] = field(default_factory=dict)
    started_at: str = ""
    ended_at: str = ""
    isolation: IsolationLevel = "process"
    walls: Mapping[str, object] = field(default_factory=dict)  # what the kernel said of them
    initial_metrics: Mapping[str, float] = field(default_factory=dict)
    data_manifests: Mapping[str, str] = field(default_factory=dict)
    freezing: FreezingRecord | None = None  # None: there was no process to freeze


def trial_record(plan: TrialPlan, ending: Ending, clock: Clock, *, attempt: int) -> TrialRecord:
    """Return the record of a trial whose clock has stopped."""
    verdict = ending.verdict
    reached = verdict.state is TrialState.TARGET_REACHED
    steps = ending.evaluations[-1].step if ending.evaluations else 0
    report: dict[str, Any] = verdict.report.model_dump()
    device_memory = report.pop("peak_device_memory_bytes")
    host, submission_seconds = environment.host(), seconds(clock.elapsed_ns("submission"))
    contention = clock.meter.record(submission_seconds)
    return TrialRecord(
        kit_version=__version__,
        started_at=ending.started_at,
        ended_at=ending.ended_at,
        rules=rules_record(plan),
        workload=plan.id.workload,
        variant=plan.id.variant,
        submission=plan.submission.name,
        submission_sha256=plan.submission.sha256,
        study=plan.id.study,
        trial=plan.id.trial,
        attempt=attempt,
        hyperparameters=dict(plan.request.hyperparameters),
        batch_size=plan.request.batch_size,
        seeds=SeedsRecord(
            secret=plan.request.seeds.secret,
            commitment=plan.request.seeds.commitment,
            initialization=plan.request.seeds.initialization,
            data=plan.request.seeds.data,
            algorithm=plan.request.seeds.algorithm,
        ),
        official=not plan.request.unofficial_reasons,
        unofficial_reasons=list(plan.request.unofficial_reasons),
        isolation=ending.isolation,
        state=verdict.state,
        reason=verdict.reason,
        time_to_target_seconds=ending.evaluations[-1].submission_seconds if reached else None,
        steps=steps,
        submission_seconds=submission_seconds,
        segments=clock.segments(),
        trainer_report=TrainerReport(**report),
        peak_trainer_memory_bytes=ending.peak_trainer_memory_bytes,
        peak_device_memory_bytes=device_memory,
        failure=verdict.failure,
        stop_reasons=_stop_reasons(plan) if verdict.state is TrialState.STOPPED_EARLY else [],
        initial_metrics=dict(ending.initial_metrics),
        backend=BackendRecord(trainer="tensorflow", referee="tensorflow"),
        precision="float32",
        devices=[gpu.name for gpu in host.gpus] or ["cpu"],
        host=host,
        data_manifests=dict(ending.data_manifests),
        freezing=ending.freezing
        or FreezingRecord(method="none", cpu_clock=cpu_clock(), seccomp=False),
        contention=contention,
        disturbed=disturbances(contention, plan.ruleset.contention),
    )


def _stop_reasons(plan: TrialPlan) -> list[StopReason]:
    stop = plan.request.stop
    return [StopReason(rule=stop.rule, evidence=list(stop.evidence))] if stop else []


def rules_record(plan: TrialPlan) -> RulesRecord:
    """Return the rules of a trial as its record states them."""
    evaluations, period = plan.ruleset.evaluations, plan.request.rules.eval_period_seconds
    return RulesRecord(
        ruleset=plan.ruleset.name,
        ruleset_sha256=plan.ruleset.sha256,
        scale=plan.ruleset.scale,
        target=plan.request.rules.target,
        max_runtime_seconds=plan.request.rules.max_runtime_seconds,
        eval_period_seconds=period,
        step_hint=plan.request.rules.step_hint,
        schedule=ScheduleRecord(
            kind="chosen_steps" if plan.request.evaluate_at_steps else evaluations.schedule,
            late_limit_seconds=evaluations.late_limit_seconds(period),
        ),
    )
