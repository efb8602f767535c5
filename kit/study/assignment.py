"""What a ruleset owes for a submission: workloads, held-out variants, studies, trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kit.contracts.trial_id import TrialId, workload_label
from kit.errors import NotAvailable, UnknownName, UsageError
from kit.rules.availability import available_workloads, workload_rules
from kit.rules.ruleset import Ruleset, WorkloadRules
from kit.rules.submission import Submission
from kit.scoring.rules import TuningMode


@dataclass(frozen=True)
class Part:
    """One base workload or held-out variant of an assignment."""

    base: str
    variant: str | None
    rules: WorkloadRules  # the variant's overrides and the runtime factor applied

    @property
    def label(self) -> str:
        """Return "fastmri" or "fastmri_tanh"."""
        return workload_label(self.base, self.variant)

    def trial_id(self, assignment: Assignment, study: int, trial: int) -> TrialId:
        """Return one of its trials."""
        return TrialId(
            assignment.ruleset.name,
            assignment.submission.name,
            self.base,
            self.variant,
            study,
            trial,
        )


@dataclass(frozen=True)
class Assignment:
    """The trials of one submission under one ruleset, and what is owed but cannot run."""

    ruleset: Ruleset
    submission: Submission
    mode: TuningMode
    parts: tuple[Part, ...]  # base workloads before variants
    studies: tuple[int, ...]
    trials: int  # in each study
    remarks: tuple[str, ...] = ()

    def trial_ids(self) -> tuple[TrialId, ...]:
        """Return all trials in the order in which they run."""
        return tuple(trial_id for part in self.parts for trial_id in self.trials_of(part))

    def trials_of(self, part: Part) -> Iterator[TrialId]:
        """Yield the trials of one workload or variant, study by study."""
        for study in self.studies:
            for trial in range(1, self.trials + 1):
                yield part.trial_id(self, study, trial)

    def part_of(self, trial_id: TrialId) -> Part:
        """Return the workload or variant that a trial belongs to."""
        return next(p for p in self.parts if p.label == trial_id.label)

    def governed_labels(self) -> frozenset[str]:
        """Return the workloads and variants that must all be run by one version of a submission.

        Those of a score, and those of this assignment; a workload for development may have seen
        others.
        """
        scored = {
            workload_label(base, variant)
            for base, rules in self.ruleset.workloads.items()
            if rules.scored
            for variant in (None, *rules.variants)
        }
        return frozenset(scored | {part.label for part in self.parts})


def assign(
    ruleset: Ruleset,
    submission: Submission,
    *,
    workloads: Sequence[str] | None = None,
    studies: Sequence[int] | None = None,
    held_out: Mapping[str, str] | None = None,
) -> Assignment:
    """Return what is to be run.

    Args:
        ruleset: says how many studies and trials, and which workloads are scored.
        submission: decides between external tuning and self-tuning.
        workloads: run these only, scored or not; None: all that are scored and built.
        studies: run these only, counted from 1; None: all.
        held_out: variants that were revealed, by base workload; those of `workloads` are run.

    Raises:
        UsageError: anything that the user has to change, in one line.
    """
    tuning = submission.tuning_for(ruleset.name)
    self_tuning = tuning.fixed is not None
    remarks: list[str] = []
    bases = _bases(ruleset, workloads, remarks)
    labels: list[tuple[str, str | None]] = [(base, None) for base in bases]
    labels += _variants(ruleset, bases, held_out or {}, remarks)
    count = (ruleset.tuning.self_tuning if self_tuning else ruleset.tuning.external).studies
    trials = 1 if self_tuning else ruleset.tuning.external.trials
    points = len(tuning.points) if tuning.points is not None else trials
    if points < trials:
        remarks.append(
            f"{submission.name} declares {points} points, and ruleset {ruleset.name} has {trials} "
            "trials per study: the trials beyond them cannot run and count as missed."
        )
    return Assignment(
        ruleset=ruleset,
        submission=submission,
        mode="self-tuning" if self_tuning else "external",
        parts=tuple(_part(ruleset, submission, *label) for label in labels),
        studies=_studies(studies, count, ruleset),
        trials=min(points, trials),
        remarks=tuple(remarks),
    )


def _part(ruleset: Ruleset, submission: Submission, base: str, variant: str | None) -> Part:
    submission.batch_size(ruleset.scale, base, variant)  # refused now, not after hours
    rules = workload_rules(ruleset, base, variant)
    if submission.tuning_for(ruleset.name).fixed is not None:
        rules = rules.with_runtime_factor(ruleset.tuning.self_tuning.runtime_factor)
    return Part(base, variant, rules)


def _bases(ruleset: Ruleset, given: Sequence[str] | None, remarks: list[str]) -> list[str]:
    """Return the base workloads in the ruleset's order."""
    if given is not None:
        for name in given:
            workload_rules(ruleset, name, None)  # known and built, or refused by name
        return [name for name in ruleset.workloads if name in given]
    available = available_workloads(ruleset)
    scored = [name for name, rules in ruleset.workloads.items() if rules.scored]
    missing = [name for name in (*scored, *ruleset.planned) if name not in available]
    if missing:
        remark = f"Not built yet, so not run: {', '.join(missing)}."
        if any(name in scored for name in missing):
            remark += (
                f" A score needs all workloads of ruleset {ruleset.name}; what is missing counts "
                "as missed."
            )
        remarks.append(remark)
    bases = [name for name in scored if name in available]
    if not bases:
        raise NotAvailable(
            f"No scored workload of ruleset {ruleset.name} is built here yet. Name others with "
            f"--workloads: {', '.join(available) or '(none)'}."
        )
    return bases


def _variants(
    ruleset: Ruleset, bases: Sequence[str], held_out: Mapping[str, str], remarks: list[str]
) -> list[tuple[str, str | None]]:
    """Return the revealed variants of `bases` that are built."""
    found: list[tuple[str, str | None]] = []
    for base in bases:
        variant = held_out.get(base)
        if variant is None:
            continue
        try:
            workload_rules(ruleset, base, variant)
        except NotAvailable as error:
            remarks.append(f"Held-out variant not run: {error}")
        else:
            found.append((base, variant))
    left_out = sorted(held_out.keys() - set(bases))
    if left_out:
        remarks.append(f"Revealed variants whose base workload is not run: {', '.join(left_out)}.")
    return found


def _studies(given: Sequence[int] | None, count: int, ruleset: Ruleset) -> tuple[int, ...]:
    every = range(1, count + 1)
    for study in given or ():
        if study not in every:
            raise UnknownName(
                f"study of ruleset {ruleset.name}", str(study), map(str, every), "--studies"
            )
    if given is not None and not given:
        raise UsageError("--studies names no study.")
    return tuple(study for study in every if given is None or study in given)
