"""From a record back to the plan of its trial: same source, same point, same seeds, same steps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kit import CONTRACT, __version__, contract_of, registry
from kit.errors import InvalidSubmission, UsageError
from kit.planning.request import Execution, TrialRequest
from kit.records.archive import unpack
from kit.records.files import SUBMISSION
from kit.records.record import Evaluation, TrialRecord
from kit.rules.availability import workload_rules
from kit.rules.folder import write_folder
from kit.rules.ruleset import Ruleset, WorkloadRules, load_ruleset
from kit.rules.seeds import TrialSeeds
from kit.rules.source_digest import digest_files
from kit.rules.submission import Submission, load_submission

REPRODUCES = "it reproduces a record"
_QUICK_SUFFIX = "-quick"  # of the ruleset's name in records of --quick before version 0.2
LEEWAY = 10.0  # times the budget that a rerun may take: it ends at the last recorded step anyway


def check_contract(record: TrialRecord, environment: Mapping[str, Any]) -> None:
    """Check that the archived submission is written for this version of the kit.

    Args:
        record: names the version that it ran under.
        environment: the content of its `environment.json`, which names the revision.

    Raises:
        UsageError: it is written for another contract.
    """
    written_for = contract_of(record.kit_version)
    if written_for == CONTRACT:
        return
    source = environment.get("source")
    revision = source.get("revision") if isinstance(source, dict) else None
    known = isinstance(revision, str) and re.fullmatch(r"[0-9a-f]{40}", revision)
    raise UsageError(
        f"The record's submission is written for contract {written_for}, of kit "
        f"{record.kit_version}; this is kit {__version__} with contract {CONTRACT}. Check out "
        f"{f'revision {revision}' if known else f'version {record.kit_version}'} of the kit and "
        "reproduce it there."
    )


def ruleset_of_record(record: TrialRecord, given: str | Path | None) -> Ruleset:
    """Return the ruleset that a record was made under.

    Args:
        record: names it, with the sha256 of its file.
        given: a name or file; None: the kit's own of that name.

    Raises:
        UsageError: it is not here, or is another version.
    """
    name = record.rules.ruleset.removesuffix(_QUICK_SUFFIX)
    if given is None and name not in registry.ruleset_names():
        raise UsageError(
            f"The record was made under ruleset {name!r}, which is not one of the kit's: "
            f"{', '.join(registry.ruleset_names())}. Give its file: --ruleset {name}.yaml."
        )
    ruleset = load_ruleset(name if given is None else given)
    if (ruleset.name, ruleset.sha256) != (name, record.rules.ruleset_sha256):
        raise UsageError(
            f"The record was made under ruleset {name!r} with the sha256 "
            f"{record.rules.ruleset_sha256[:12]}…; {ruleset.name!r} here has "
            f"{ruleset.sha256[:12]}…. Give the file of that time: --ruleset {name}.yaml."
        )
    return ruleset


def archived_submission(
    folder: Path, record: TrialRecord, ruleset: Ruleset, *, into: Path
) -> Submission:
    """Unpack the source that ran into the folder `into`, which must not exist, and read it.

    Raises:
        UsageError: the archive does not open, is not the source that the record names, or holds a
            path that leads out of its folder.
    """
    path = folder / SUBMISSION
    try:
        files = unpack(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidSubmission(f"{path}: the archive does not open: {error}.") from None
    if digest_files(files) != record.submission_sha256:
        raise InvalidSubmission(f"{path}: not the source that ran, by its digest.")
    try:
        write_folder(files, into)
    except InvalidSubmission as error:
        raise InvalidSubmission(f"{path}: {error}") from None
    submission = load_submission(into, ruleset.submission_limits)
    if submission.name != record.submission:
        raise InvalidSubmission(
            f"{path}: the archive holds submission {submission.name!r}, the record names "
            f"{record.submission!r}."
        )
    return submission


def plan_again(
    record: TrialRecord,
    evaluations: Sequence[Evaluation],
    *,
    submission: Submission,
    ruleset: Ruleset,
    results: Path,
    execution: Execution,
) -> TrialRequest:
    """Return the request of the same trial, evaluated at the recorded steps; never official.

    The submission is told the recorded budget. The referee grants it more, because evaluations at
    the end of a budget would otherwise depend on a second more or less.

    Raises:
        UsageError: there is no such workload or variant, or nothing to compare with.
    """
    if not evaluations:
        raise UsageError(
            f"The record has no evaluation, so there is no curve to compare: it ended as "
            f"{record.state}: {record.reason}"
        )
    request = TrialRequest(
        id=replace(record.id, ruleset=ruleset.name),
        ruleset=ruleset.name if ruleset.is_shipped else str(ruleset.path),
        ruleset_sha256=ruleset.sha256,
        submission=submission.folder.absolute(),
        submission_sha256=submission.sha256,
        results=results.absolute(),
        rules=_rules(record, workload_rules(ruleset, record.workload, record.variant)),
        hyperparameters=record.hyperparameters,
        batch_size=record.batch_size,
        seeds=TrialSeeds.from_secret(bytes.fromhex(record.seeds.secret)),
        unofficial_reasons=(REPRODUCES,),
        told_runtime_seconds=record.rules.max_runtime_seconds,
        execution=execution,
    )
    return request.evaluated_at([evaluation.step for evaluation in evaluations])


def _rules(record: TrialRecord, rules: WorkloadRules) -> WorkloadRules:
    recorded = record.rules
    return rules.model_copy(
        update={
            "target": recorded.target,
            "max_runtime_seconds": recorded.max_runtime_seconds * LEEWAY,
            "eval_period_seconds": recorded.eval_period_seconds,
            "step_hint": recorded.step_hint,
        }
    )
