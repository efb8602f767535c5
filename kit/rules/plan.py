"""Everything that one trial needs to know before it starts."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.rules.ruleset import Ruleset, WorkloadRules
from kit.rules.seeds import TrialSeeds

if TYPE_CHECKING:
    from kit.rules.submission import Submission

QUICK_SECONDS = 8.0
QUICK_SUFFIX = "-quick"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class EarlyStop:
    """From when on a trial cannot change a score any more, and why."""

    after_seconds: float  # of submission time; an evaluation at this very time is still granted
    rule: str  # in words, such as "slower than the study's best"
    evidence: tuple[str, ...] = ()  # sha256 of the attestations that justify it

    @property
    def is_needless(self) -> bool:
        """Tell whether the trial need not even start."""
        return self.after_seconds == 0

    @classmethod
    def given(cls, after_seconds: float, rule: str, evidence: Sequence[str] = ()) -> EarlyStop:
        """Return the stop that somebody asks for.

        Raises:
            UsageError: no time, no words, or evidence that is no digest.
        """
        if not (math.isfinite(after_seconds) and after_seconds >= 0):
            raise UsageError(f"--stop-after takes seconds, 0 or more. Received: {after_seconds}.")
        if not (rule.strip() and rule.isprintable()):
            raise UsageError(
                "A trial that is to be stopped early needs the reason in words, on one line: "
                f'--stop-rule "slower than the study\'s best". Received: {rule!r}.'
            )
        for digest in evidence:
            if not _SHA256.fullmatch(digest):
                raise UsageError(
                    "--stop-evidence takes the sha256 of an attestation, 64 lower-case hexadecimal "
                    f"digits. Received: {digest[:80]!r}."
                )
        return cls(after_seconds, rule, tuple(evidence))


@dataclass(frozen=True)
class TrialPlan:
    """One trial: what runs, under which rules, from which seeds.

    `unofficial_reasons` lists why a result of this plan cannot be official ("seed given by hand",
    "--quick", …); it is empty for an official one.
    """

    ruleset: Ruleset
    rules: WorkloadRules  # of the workload, the variant's overrides and the runtime factor applied
    workload: str
    variant: str | None
    submission: Submission
    study: int  # counted from 1
    trial: int  # counted from 1
    hyperparameters: Mapping[str, Any]
    batch_size: int
    seeds: TrialSeeds
    study_commitment: str | None = None  # hash of the study's secret; None for a seed by hand
    unofficial_reasons: tuple[str, ...] = ()
    evaluate_at_steps: tuple[int, ...] = ()  # instead of the eval period; never official
    stop: EarlyStop | None = None
    training_data: Path | None = None  # instead of the prepared split (placebo); never official
    told_runtime_seconds: float | None = None  # where the submission is told another budget

    @property
    def announced_runtime_seconds(self) -> float:
        """Return the budget that the submission is told."""
        told = self.told_runtime_seconds
        return self.rules.max_runtime_seconds if told is None else told

    def evaluated_at(self, steps: Sequence[int]) -> TrialPlan:
        """Return the plan with evaluations after the given steps, to compare curves of runs."""
        reason = "evaluations come at chosen steps, not by submission time"
        return replace(
            self,
            evaluate_at_steps=tuple(steps),
            unofficial_reasons=(*self.unofficial_reasons, reason),
        )

    def quick(self) -> TrialPlan:
        """Return the plan of a ten-second check: a small budget, recorded apart, never official."""
        budget = min(QUICK_SECONDS, self.rules.max_runtime_seconds)
        rules = self.rules.model_copy(
            update={"max_runtime_seconds": budget, "eval_period_seconds": budget / 4}
        )
        return replace(
            self,
            ruleset=self.ruleset.model_copy(update={"name": f"{self.ruleset.name}{QUICK_SUFFIX}"}),
            rules=rules,
            unofficial_reasons=(*self.unofficial_reasons, "--quick is a check, not a trial"),
        )

    @property
    def id(self) -> TrialId:
        """Return which trial this is."""
        return TrialId(
            ruleset=self.ruleset.name,
            submission=self.submission.name,
            workload=self.workload,
            variant=self.variant,
            study=self.study,
            trial=self.trial,
        )
