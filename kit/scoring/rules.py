"""What scoring needs of a ruleset, and the conventions that two scorers differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kit.contracts.trial_id import workload_label
from kit.errors import UnknownName, UsageError
from kit.rules.ruleset import Ruleset
from kit.scoring.trial import Goal

TuningMode = Literal["external", "self-tuning"]
TUNING_MODES: tuple[TuningMode, ...] = ("external", "self-tuning")


@dataclass(frozen=True)
class Convention:
    """Five choices of a scorer; the defaults are the written rules.

    Attributes:
        fastest_trial: a study's time is its smallest time; otherwise that of the trial with the
            smallest evaluation index, the first in order on ties.
        missing_studies_count: a study without data is infinite; otherwise it drops out.
        enforce_budget: a target reached after the budget is a miss.
        own_losses_first: submissions that lose a workload within their own budget (base or variant)
            are out before anyone is cut off; otherwise the cut-off comes first.
        exact_integral: integrate the profile exactly; otherwise by trapezoids on 100 points.
    """

    fastest_trial: bool = True
    missing_studies_count: bool = True
    enforce_budget: bool = True
    own_losses_first: bool = True
    exact_integral: bool = True


WRITTEN_RULES = Convention()
ALGOPERF_SCORER = Convention(
    fastest_trial=False,
    missing_studies_count=False,
    enforce_budget=False,
    own_losses_first=False,
    exact_integral=False,
)


@dataclass(frozen=True)
class ScoringRules:
    """The part of a ruleset that decides a score."""

    ruleset: str
    bases: tuple[str, ...]  # the scored base workloads, in the ruleset's order
    held_out: Mapping[str, str]  # base -> the variant that counts
    goals: Mapping[tuple[str, str | None], Goal]  # of every workload and variant known
    studies: int
    trials: int
    r_max: float
    left_out: tuple[str, ...] = ()  # scored workloads that somebody chose to leave out
    studies_left_out: int = 0  # of those that the ruleset has

    @property
    def gated(self) -> tuple[bool, ...]:
        """Return for each base workload whether a held-out variant gates it."""
        return tuple(base in self.held_out for base in self.bases)

    def counts(self, base: str, variant: str | None) -> bool:
        """Tell whether trials of a workload or variant enter the score."""
        if base not in self.bases:
            return False
        return variant is None or self.held_out.get(base) == variant

    def with_studies(self, studies: int) -> ScoringRules:
        """Return the rules for the first studies only, counted as the results count them.

        Raises:
            UsageError: the ruleset has fewer.
        """
        if not 1 <= studies <= self.studies:
            raise UsageError(
                f"Ruleset {self.ruleset} has {self.studies} studies. Received: --studies {studies}."
            )
        return replace(
            self, studies=studies, studies_left_out=self.studies_left_out + self.studies - studies
        )

    def split(self, label: str) -> tuple[str, str | None] | None:
        """Return base and variant of a label such as "criteo1tb_layernorm"; None if unknown."""
        return next((key for key in self.goals if workload_label(*key) == label), None)

    def restricted(self, bases: Sequence[str]) -> ScoringRules:
        """Return the rules for some of the base workloads only.

        Raises:
            UnknownName: a name is no scored workload.
            UsageError: nothing remains.
        """
        for name in bases:
            if name not in self.bases:
                raise UnknownName("scored workload", name, self.bases, "--workloads")
        kept = tuple(base for base in self.bases if base in bases)
        if not kept:
            raise UsageError(
                f"No workload of ruleset {self.ruleset} is left to score. Choose some of: "
                f"{', '.join(self.bases)}."
            )
        return replace(
            self,
            bases=kept,
            held_out={base: name for base, name in self.held_out.items() if base in kept},
            left_out=tuple(base for base in self.bases if base not in kept),
        )


def scoring_rules(
    ruleset: Ruleset, *, tuning: TuningMode, held_out: Mapping[str, str] | None = None
) -> ScoringRules:
    """Take from a ruleset what scoring needs.

    Args:
        ruleset: as it was read.
        tuning: self-tuning has studies of one trial and a longer budget.
        held_out: the variants that count, by base workload; None takes the ruleset's published
            choice, which only a past competition has.

    Raises:
        UnknownName: `held_out` names a workload or variant that the policy does not list.
    """
    chosen = _held_out(ruleset, held_out)
    budget = ruleset.tuning.self_tuning if tuning == "self-tuning" else ruleset.tuning.external
    factor = ruleset.tuning.self_tuning.runtime_factor if tuning == "self-tuning" else 1.0
    goals = {}
    for base, rules in ruleset.workloads.items():
        for variant in (None, *rules.variants):
            own = rules.for_variant(variant).with_runtime_factor(factor)
            goals[base, variant] = Goal(target=own.target, budget_seconds=own.max_runtime_seconds)
    bases = tuple(name for name, rules in ruleset.workloads.items() if rules.scored)
    return ScoringRules(
        ruleset=ruleset.name,
        bases=bases,
        held_out={base: variant for base, variant in chosen.items() if base in bases},
        goals=goals,
        studies=budget.studies,
        trials=ruleset.tuning.external.trials if tuning == "external" else 1,
        r_max=ruleset.scoring.r_max,
    )


def _held_out(ruleset: Ruleset, given: Mapping[str, str] | None) -> Mapping[str, str]:
    policy = ruleset.held_out
    if given is None:
        return policy.published_choice if policy else {}
    allowed = policy.variants if policy else {}
    for base, variant in given.items():
        if base not in allowed:
            raise UnknownName(
                f"workload with held-out variants in ruleset {ruleset.name}",
                base,
                allowed,
                "--held-out",
            )
        if variant not in allowed[base]:
            raise UnknownName(f"held-out variant of {base}", variant, allowed[base], "--held-out")
    return given
