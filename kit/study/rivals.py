"""Results of other submissions, verified, which set the cut-off for the one that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.records.signing import PublicKey
from kit.scoring.reading.conditions import hardware_of, recorded_environment
from kit.scoring.reading.evidence import Evidence, check_disjoint, is_evidence, read_evidence
from kit.scoring.reading.records import judge_records, ruleset_of, tuning_of
from kit.scoring.reading.versions import counted_versions
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import TrialResult
from kit.study.assignment import Assignment


@dataclass(frozen=True)
class Rivals:
    """What is known of other submissions under the same ruleset."""

    trials: tuple[TrialResult, ...] = ()
    attestations: Mapping[TrialId, str] = field(default_factory=dict)  # sha256, by trial


NO_RIVALS = Rivals()


def read_rivals(
    paths: Sequence[Path],
    assignment: Assignment,
    rules: ScoringRules,
    *,
    trusted: Sequence[PublicKey],
    machine: Mapping[str, object],
) -> Rivals:
    """Read and verify the results of others.

    Args:
        paths: results folders, or parts of them; records of the assignment's own submission, and of
            those that are tuned in another way, are left out.
        assignment: names ruleset and submission.
        rules: of the workloads that are run.
        trusted: keys, for the verification.
        machine: a description as `environment.json` has it.

    Raises:
        UsageError: the variants are not known yet; there are no records; or they come from another
            version of the ruleset, or from other hardware.
        VerificationError: something does not match.
    """
    _require_variants(assignment, rules)
    for path in paths:
        if not is_evidence(path):
            raise UsageError(
                f"--known takes folders with records, as `kit study` leaves them. There are none "
                f"in {path}."
            )
    evidence = [read_evidence(path, trusted=trusted, must_trust=False) for path in paths]
    check_disjoint(evidence)
    evidence, _ = counted_versions(evidence, {})
    given = assignment.ruleset.name if assignment.ruleset.is_shipped else assignment.ruleset.path
    ruleset = ruleset_of(evidence, given)
    own = assignment.submission.name
    modes = tuning_of(evidence, ruleset)
    others = [name for name, mode in modes.items() if name == own or mode != assignment.mode]
    trials = judge_records(evidence, rules, ruleset, without=others).batch.trials
    _require_same_machine(trials, hardware_of(machine))
    digests = _digests(evidence)
    return Rivals(trials, {t.id: digests[t.source] for t in trials if t.source in digests})


def _require_variants(assignment: Assignment, rules: ScoringRules) -> None:
    """Refuse a cut-off by rivals who may yet lose a workload through its held-out variant."""
    if assignment.ruleset.held_out is not None and not rules.held_out:
        raise UsageError(
            "--known sets a cut-off only once the held-out variants are known: until then a rival "
            "may still lose a workload. Give the draw with --held-out FOLDER, or leave out --known."
        )


def _require_same_machine(trials: Sequence[TrialResult], here: str) -> None:
    for trial in trials:
        there = hardware_of(recorded_environment(Path(trial.source)))
        if there != here:
            raise UsageError(
                f"Times compare only on one kind of machine. {trial.id} of --known ran on "
                f"{there}; this is {here}. Leave out --known."
            )


def _digests(evidence: Sequence[Evidence]) -> dict[str, str]:
    reports = [attempt.report for part in evidence for attempt in part.attempts]
    return {
        str(report.path): report.envelope_sha256
        for report in reports
        if report and report.envelope_sha256
    }
