"""Compares a record with the ruleset that it names and with the submission in its archive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit import contract_of
from kit.errors import KitError
from kit.records.disturbance import disturbances
from kit.records.files import ENVIRONMENT, SUBMISSION, TRIAL
from kit.records.findings import Finding, Status
from kit.records.record import Evaluation, TrialRecord, TrialState, is_weaker
from kit.rules.source_digest import digest_files

if TYPE_CHECKING:
    from kit.rules.ruleset import Ruleset


def check_source(record: TrialRecord, files: Mapping[str, bytes]) -> Finding:
    """Check that the archive holds the submission that the record names by digest."""
    digest = digest_files(files)
    if digest == record.submission_sha256:
        return Finding("source", "ok", SUBMISSION, "The archive is the submission that ran.")
    return Finding(
        "source",
        "problem",
        SUBMISSION,
        f"The digest of the archived files is {digest}, but {TRIAL} says submission_sha256 "
        f"{record.submission_sha256}.",
    )


def check_rules(
    record: TrialRecord,
    files: Mapping[str, bytes],
    environment: bytes,
    evaluations: Sequence[Evaluation],
) -> list[Finding]:
    """Check target, budget, batch size, points and limits against ruleset and submission.

    Args:
        record: the trial.
        files: the archived submission.
        environment: the content of `environment.json`.
        evaluations: its rows.

    Only the very ruleset that the record names can tell; when it is not here, a note says so.
    """
    from kit.rules.ruleset import load_ruleset

    name = record.rules.ruleset
    try:
        ruleset = load_ruleset(name)
    except KitError:
        ruleset = None
    if ruleset is None or ruleset.sha256 != record.rules.ruleset_sha256:
        what = "is not here" if ruleset is None else "has another digest here"
        text = f"The ruleset {name!r} {what}, so the record's target and budget were not compared."
        return [Finding("rules", "note", TRIAL, text)]
    try:
        differences = list(_differences(record, files, environment))
        differences += _pauses(record, evaluations, ruleset)
    except KitError as error:
        differences = [str(error)]
    status: Status = "problem" if record.official else "note"
    fine = f"Target, budget and batch size are those of ruleset {name} and the submission."
    return [Finding("rules", status, TRIAL, text) for text in differences] or [
        Finding("rules", "ok", TRIAL, fine)
    ]


def _pauses(
    record: TrialRecord, evaluations: Sequence[Evaluation], ruleset: Ruleset
) -> Iterator[str]:
    """Yield what should have ended the trial as a violation: CPU time while its clock stood."""
    if not record.official or record.state is TrialState.RULE_VIOLATION:
        return
    allowed = ruleset.pause_cpu_tolerance_seconds
    for row in evaluations:
        if not row.pause_cpu_seconds <= allowed:
            yield (
                f"official is true, but the trainer used {row.pause_cpu_seconds:.2f} s of CPU time "
                f"during evaluation {row.index}; {allowed:.2f} s are tolerated."
            )
    if ruleset.pause_cpu_clock != "ticks" == getattr(record.freezing, "cpu_clock", None):
        yield "official is true, but CPU times are in ticks and the ruleset requires nanoseconds."


def _differences(
    record: TrialRecord, files: Mapping[str, bytes], environment: bytes
) -> Iterator[str]:
    from kit.rules.folder import compression_problem
    from kit.rules.ruleset import load_ruleset
    from kit.rules.submission import Submission, SubmissionManifest
    from kit.schema.strict_yaml import parse
    from kit.schema.validation import check

    ruleset = load_ruleset(record.rules.ruleset)
    path = Path(SUBMISSION) / "submission.yaml"
    manifest = check(SubmissionManifest, parse(files.get("submission.yaml", b""), path), path)
    submission = Submission(manifest.name, Path(SUBMISSION), manifest, files)
    tuning = submission.tuning_for(ruleset.name)
    if record.workload not in ruleset.workloads:
        yield f"The ruleset has no workload {record.workload!r}."
        return
    if record.official and is_weaker(record.isolation, ruleset.isolation):
        yield (
            f"official is true, but the ruleset asks for isolation {ruleset.isolation!r} at least; "
            f"the trial ran under {record.isolation!r}."
        )
    rules = ruleset.workloads[record.workload].for_variant(record.variant)
    if tuning.fixed is not None:
        rules = rules.with_runtime_factor(ruleset.tuning.self_tuning.runtime_factor)
    compared = {
        "submission": (record.submission, manifest.name),
        "batch_size": (
            record.batch_size,
            submission.batch_size(ruleset.scale, record.workload, record.variant),
        ),
        "rules.scale": (record.rules.scale, ruleset.scale),
        "rules.target": (record.rules.target.model_dump(), rules.target.model_dump()),
    }
    for field in ("max_runtime_seconds", "eval_period_seconds", "step_hint"):
        compared[f"rules.{field}"] = (getattr(record.rules, field), getattr(rules, field))
    if record.rules.schedule is None:  # the ruleset is here, and format 1 is older than it
        yield (
            f"format is {record.format!r}, which has neither an evaluation schedule nor how the "
            f"trainer was held; a trial under this version of {ruleset.name} has both."
        )
    else:
        limit = ruleset.evaluations.late_limit_seconds(rules.eval_period_seconds)
        compared["rules.schedule"] = (
            record.rules.schedule.model_dump(),
            {"kind": ruleset.evaluations.schedule, "late_limit_seconds": limit},
        )
    if record.contention is not None:
        reasons = disturbances(record.contention, ruleset.contention)
        compared["disturbed"] = (record.disturbed, reasons)
    for field, (recorded, expected) in compared.items():
        if recorded != expected:
            yield f"{field} is {recorded!r}, but by the ruleset and the submission {expected!r}."
    points = [tuning.fixed] if tuning.fixed is not None else tuning.points
    if points is None:
        space, dealt = tuning.search_space or {}, record.hyperparameters
        drawn = {n: dealt[n] for n in space if n in dealt and space[n].holds(dealt[n])}
        points = [drawn] if len(drawn) == len(space) else []
    if contract_of(record.kit_version) > 1:
        points = [submission.completed(point) for point in points]
    if record.hyperparameters not in points:
        yield "hyperparameters are not a point that the submission declares."
    yield from submission.unofficial_reasons(ruleset)
    if problem := compression_problem(files, ruleset.submission_limits):
        yield f"The archived submission breaks a limit: {problem}"
    added = {each.name: each.version for each in submission.extra_requirements}
    if (stated := _extra_requirements(environment)) != added:
        yield (
            f"{ENVIRONMENT} lists the extra packages {stated!r}, but by the archived submission "
            f"they are {added!r}."
        )


def _extra_requirements(environment: bytes) -> Any:
    """Return what `environment.json` lists; None if it cannot be read."""
    try:
        content = json.loads(environment)
    except (ValueError, RecursionError):
        return None
    return content.get("extra_requirements") if isinstance(content, dict) else None
