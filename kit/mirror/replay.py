"""A record as a W&B run: what the run says of itself, and its history. Pure: no network, no SDK."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kit.mirror.bundle import Bundle, evidence_of, ledger_bundle, run_id
from kit.records.chain import Chain
from kit.records.files import ENVIRONMENT
from kit.records.findings import VerificationReport
from kit.records.record import NANOSECONDS, Evaluation, TrialRecord, TrialState
from kit.scoring.reading.conditions import hardware_of

X_AXIS = "submission_seconds"
_GROUP_LENGTH, _TAG_LENGTH = 128, 64  # the longest that W&B takes


@dataclass(frozen=True)
class Replay:
    """One run: its id, what stands beside it, and a row for each evaluation, counted from 1."""

    run_id: str
    name: str
    group: str
    job_type: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    bundle: Bundle
    rows: Sequence[Mapping[str, float]] = ()
    best: Mapping[str, str] = field(default_factory=dict)  # metric -> "min" or "max"


def replay_of(report: VerificationReport, files: Mapping[str, bytes]) -> Replay:
    """Return the run of a record.

    Args:
        report: of the record's verification; the record could be read.
        files: of the record, as they are to be sent.
    """
    record = report.record
    assert record is not None
    bundle = evidence_of(report, files)
    target = record.rules.target
    return Replay(
        run_id=run_id(report, files),
        name=f"{record.submission} {record.id.label} {record.study}.{record.trial}"
        + (f" attempt {record.attempt}" if record.attempt > 1 else ""),
        group=group_of(record),
        job_type="trial",
        tags=tags_of(report, record),
        config=config_of(report, record, files.get(ENVIRONMENT, b"{}")),
        summary={**summary_of(record, report.evaluations), **_evidence_summary(report, bundle)},
        bundle=bundle,
        rows=[row_of(evaluation) for evaluation in report.evaluations],
        best={f"validation/{target.metric}": "max" if target.higher_is_better else "min"},
    )


def ledger_replay(chain: Chain) -> Replay:
    """Return the run that holds a version of a ledger."""
    bundle = ledger_bundle(chain)
    verified = "unverified" if chain.problem else "verified"
    attempts = chain.attempts()
    return Replay(
        run_id=f"{bundle.name}-{bundle.metadata['head'][:16]}",
        name=f"ledger {bundle.name.removeprefix('ledger-')[:8]}",
        group="ledgers",
        job_type="ledger",
        tags=[verified],
        config={"ledger": bundle.name.removeprefix("ledger-")},
        summary={
            "entries": len(chain.entries),
            "head": bundle.metadata["head"],
            "attempts": len(attempts),
            "attempts_without_end": sum(attempt.end is None for attempt in attempts),
            "evidence": f"{bundle.name}:{bundle.alias}",
        },
        bundle=bundle,
    )


def group_of(record: TrialRecord) -> str:
    """Return the group of a trial's run: its study."""
    parts = (record.submission, record.rules.ruleset, record.id.label)
    return "/".join((*parts, f"study_{record.study}"))[:_GROUP_LENGTH]


def tags_of(report: VerificationReport, record: TrialRecord) -> list[str]:
    """Return what a run can be filtered by."""
    known = report.signer is not None and report.signer.trusted
    tags = [
        "verified" if report.ok else "unverified",
        "official" if record.official else "unofficial",
        "known-key" if known else "unknown-key",
        f"isolation:{record.isolation}",
        record.state.value,
    ]
    return [tag[:_TAG_LENGTH] for tag in tags]


def config_of(
    report: VerificationReport, record: TrialRecord, environment: bytes
) -> dict[str, Any]:
    """Return what was given to a trial, and who vouches for it."""
    rules = record.rules.model_dump()
    signer = report.signer
    return {
        "submission": record.submission,
        "submission_sha256": record.submission_sha256,
        "workload": record.workload,
        "variant": record.variant,
        "workload_label": record.id.label,
        "study": record.study,
        "trial": record.trial,
        "attempt": record.attempt,
        "hyperparameters": record.hyperparameters,
        "batch_size": record.batch_size,
        **rules,
        "seed_commitment": record.seeds.commitment,
        "isolation": record.isolation,
        "official": record.official,
        "unofficial_reasons": record.unofficial_reasons,
        "kit_version": record.kit_version,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "signed_by": signer.key.key_id if signer else None,
        **_machine(environment),
    }


def summary_of(record: TrialRecord, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Return what came out of a trial; a time that was stopped early is known to nobody."""
    stopped = record.state is TrialState.STOPPED_EARLY
    missed = None if stopped else math.inf
    reached = record.time_to_target_seconds
    report = record.trainer_report
    seconds = dict.fromkeys(("setup", "submission", "evaluation", "logging"), 0.0)
    for segment in record.segments:
        seconds[segment.phase] += (segment.end_ns - segment.start_ns) / NANOSECONDS
    return {
        "state": record.state.value,
        "reason": record.reason,
        "time_to_target_seconds": missed if reached is None else reached,
        "submission_seconds": record.submission_seconds,
        "steps": record.steps,
        "evaluations": len(evaluations),
        "peak_trainer_memory_bytes": record.peak_trainer_memory_bytes,
        "peak_device_memory_bytes": record.peak_device_memory_bytes,
        "compile_seconds": report.compile_seconds,
        "handover_seconds": report.handover_seconds,
        "data_wait_seconds": report.data_wait_seconds,
        **{f"seconds/{phase}": value for phase, value in seconds.items()},
    }


def row_of(evaluation: Evaluation) -> dict[str, float]:
    """Return one row of the history; metrics that are not finite stay so."""
    return {
        X_AXIS: evaluation.submission_seconds,
        "step": evaluation.step,
        "total_seconds": evaluation.total_ns / NANOSECONDS,
        "evaluation_seconds": evaluation.evaluation_ns / NANOSECONDS,
        "distance_from_initial": evaluation.distance_from_initial,
        **evaluation.metrics,
    }


def _evidence_summary(report: VerificationReport, bundle: Bundle) -> dict[str, Any]:
    return {
        "verdict_code": report.verdict_code,
        "attestation_sha256": report.envelope_sha256,
        "evidence": f"{bundle.name}:{bundle.alias}",
    }


def _machine(environment: bytes) -> dict[str, Any]:
    """Return what a reader compares first: processor and devices, and the image."""
    try:
        content = json.loads(environment)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return {}
    return {"hardware": hardware_of(content), "image_digest": content.get("image_digest")}
