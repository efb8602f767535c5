"""From verified evidence to judged trials: which ruleset, which tuning, which submissions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kit import registry
from kit.contracts.trial_id import TrialId
from kit.errors import InvalidFile, KitError, UsageError
from kit.records.archive import unpack
from kit.records.files import SUBMISSION, read_regular
from kit.records.findings import VerificationReport
from kit.records.record import TrialRecord, TrialState
from kit.records.schedule import Schedule
from kit.rules.ruleset import Ruleset, load_ruleset
from kit.scoring.reading.batch import Batch, LeftOut
from kit.scoring.reading.conditions import conditions_of, mixed_conditions
from kit.scoring.reading.evidence import Evidence, attempts_by_trial, deciding_attempt
from kit.scoring.rules import ScoringRules, TuningMode
from kit.scoring.trial import Stop, TrialResult, judge, not_before

_SHOWN = 5  # disturbed trials that are named
_FORFEITED = (TrialState.FAILED, TrialState.RULE_VIOLATION, TrialState.INTERRUPTED)


@dataclass(frozen=True)
class JudgedRecords:
    """Records as trials, with what stands beside a submission's name."""

    batch: Batch
    remarks: Mapping[str, Sequence[str]]


def ruleset_of(evidence: Sequence[Evidence], given: str | Path | None) -> Ruleset:
    """Return the ruleset that records are scored under.

    Raises:
        UsageError: records of several rulesets and none given, or of another version of it.
    """
    identities = {
        (attempt.identification.ruleset, attempt.identification.ruleset_sha256)
        for part in evidence
        for attempt in part.attempts
    }
    names = sorted({name for name, _ in identities})
    if given is None and len(names) != 1:
        raise UsageError(
            f"There are records of {len(names)} rulesets. Choose one with --ruleset: "
            f"{', '.join(names) or '(none)'}."
        )
    if given is None and names[0] not in registry.ruleset_names():
        raise UsageError(
            f"The records name ruleset {names[0]!r}, which is not one of the kit's: "
            f"{', '.join(registry.ruleset_names())}. Give its file: --ruleset {names[0]}.yaml."
        )
    ruleset = load_ruleset(names[0] if given is None else given)
    if ruleset.name not in names:
        raise UsageError(
            f"There is no record of ruleset {ruleset.name}. Choose one of: "
            f"{', '.join(names) or '(none)'}. Received: --ruleset={given}."
        )
    versions = sorted(sha for name, sha in identities if name == ruleset.name)
    if versions != [ruleset.sha256]:
        raise UsageError(
            f"Records of different versions of ruleset {ruleset.name} cannot be scored together: "
            f"here {ruleset.sha256[:12]}, in the records "
            f"{', '.join(sha[:12] for sha in versions)} (sha256). Give records of one version, and "
            "its file with --ruleset."
        )
    return ruleset


def tuning_of(
    evidence: Sequence[Evidence], ruleset: Ruleset, *, assumed: TuningMode | None = None
) -> dict[str, TuningMode]:
    """Return how each submission is tuned, by the manifest in its records' archives.

    Raises:
        InvalidFile: an archive does not tell, and nothing is `assumed`.
    """
    found: dict[str, TuningMode] = {}
    for part in evidence:
        for attempt in part.attempts:
            which = attempt.identification
            report = attempt.report
            known = which.submission in found
            if which.ruleset == ruleset.name and report and report.record and not known:
                found[which.submission] = _tuning(report, ruleset, assumed)
    return found


def judge_records(
    evidence: Sequence[Evidence],
    rules: ScoringRules,
    ruleset: Ruleset,
    *,
    without: Sequence[str] = (),
) -> JudgedRecords:
    """Return the trials of all records that count, and what there is to say about them.

    Args:
        evidence: of one or more places.
        rules: of the ruleset, for one way of tuning.
        ruleset: as its file has it.
        without: submissions that take no part.
    """
    every = attempts_by_trial(evidence)
    others = Counter(a[0].identification.ruleset for a in every)
    del others[ruleset.name]
    by_trial = [
        attempts
        for attempts in every
        if attempts[0].identification.ruleset == ruleset.name
        and attempts[0].identification.submission not in without
    ]
    left_out, trials, used = LeftOut(rules), [], []
    notices = [notice for part in evidence for notice in part.notices]
    notices += [f"Left out: {n} trials under ruleset {name!r}." for name, n in others.items()]
    for attempts in by_trial:
        which = attempts[0].identification
        key = left_out.key_of(which.workload_label)
        if key is None:
            continue
        decided = deciding_attempt(attempts, ruleset.max_attempts)
        notices += decided.remarks
        report = decided.attempt.report if decided.attempt else None
        if report and report.record:
            trial_id = TrialId(rules.ruleset, which.submission, *key, which.study, which.trial)
            trial = _judge(trial_id, report, report.record, rules)
            trials.append(not_before(trial, decided.stopped_seconds))
            used.append(report)
    notices += left_out.notices() + _unofficial(used) + _disturbed(used)
    mixed, remarks_by_name = mixed_conditions(_conditions(used))
    names = tuple(sorted({attempts[0].identification.submission for attempts in by_trial}))
    return JudgedRecords(Batch(tuple(trials), names, tuple(notices + mixed)), remarks_by_name)


def _conditions(reports: Sequence[VerificationReport]) -> dict[str, list[dict[str, str]]]:
    """Return the conditions of all records that are used, by submission."""
    found: dict[str, list[dict[str, str]]] = {}
    for report in reports:
        if report.record:
            found.setdefault(report.record.submission, []).append(conditions_of(report))
    return found


def _judge(
    trial_id: TrialId, report: VerificationReport, record: TrialRecord, rules: ScoringRules
) -> TrialResult:
    goal = rules.goals[trial_id.workload, trial_id.variant]
    schedule = Schedule.of(record.rules)
    name = f"validation/{goal.target.metric}"
    return judge(
        trial_id,
        [evaluation.submission_seconds for evaluation in report.evaluations],
        [
            evaluation.metrics.get(name, math.nan) if schedule.may_reach(evaluation) else math.nan
            for evaluation in report.evaluations
        ],
        goal,
        stop=_stop(record),
        source=str(report.path),
    )


def _stop(record: TrialRecord) -> Stop | None:
    if record.state is TrialState.STOPPED_EARLY:
        reasons = tuple(reason.rule for reason in record.stop_reasons)
        return Stop(record.state, False, record.submission_seconds, reasons or (record.reason,))
    if record.state is TrialState.TARGET_REACHED:
        return None
    return Stop(record.state, forfeited=record.state in _FORFEITED)


def _tuning(report: VerificationReport, ruleset: Ruleset, assumed: TuningMode | None) -> TuningMode:
    from kit.rules.submission import Submission, SubmissionManifest
    from kit.schema.strict_yaml import parse
    from kit.schema.validation import check

    where = report.path / SUBMISSION
    try:
        files = unpack(read_regular(where))
        path = where / "submission.yaml"
        manifest = check(SubmissionManifest, parse(files.get("submission.yaml", b""), path), path)
        tuning = Submission(manifest.name, where, manifest, files).tuning_for(ruleset.name)
    except (OSError, ValueError, KitError) as error:
        if assumed:
            return assumed
        raise InvalidFile(
            f"{where}: does not tell how the submission is tuned: {error} Say it: --tuning "
            "external, or --tuning self-tuning."
        ) from None
    return "self-tuning" if tuning.fixed is not None else "external"


def _unofficial(reports: Sequence[VerificationReport]) -> list[str]:
    records = [report.record for report in reports if report.record and not report.record.official]
    if not records:
        return []
    reasons = Counter(reason for record in records for reason in record.unofficial_reasons)
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
    return [f"{len(records)} of {len(reports)} trials are not official: {listed}."]


def _disturbed(reports: Sequence[VerificationReport]) -> list[str]:
    """Return the notice about trials that did not have their machine to themselves; they count."""
    found = [
        f"{report.record.id}: {' '.join(report.record.disturbed)}"
        for report in reports
        if report.record and report.record.disturbed
    ]
    if not found:
        return []
    more = f" … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return [
        f"{len(found)} of {len(reports)} trials were disturbed, and count: "
        f"{' '.join(found[:_SHOWN])}{more}"
    ]
