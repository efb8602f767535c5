"""What a runner of studies asks: which trial is next, and from when on may it stop?

    decision = next_decision(Situation(results, scheduled=("mine",)))
    if isinstance(decision, Run): run decision.id, stopped at decision.stop_after_seconds

A limit holds as long as the trial runs, because knowing more never takes a rule away. Where several
trials run at once, ask `running_decision` again after each result: the limit may have come down.

**Why stopping changes no score.** A rule lets a trial stop at t only if its time x ≥ t cannot
matter whatever *all* open times turn out to be, and those of trials stopped before are open: they
lie in intervals [t, ∞]. So take the true times, and set the stopped trials to ∞ one by one: at each
step everything else lies in the intervals that were known when that trial was stopped, and no score
changes. The last board is the one that is scored.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kit.contracts.trial_id import TrialId
from kit.scoring.scheduling.gate_rules import gate_limits
from kit.scoring.scheduling.knowledge import Knowledge, Place, Situation, knowledge_of
from kit.scoring.scheduling.limits import ALL_RULES, Limit, Rule, earliest
from kit.scoring.scheduling.order import next_place
from kit.scoring.scheduling.study_rules import study_limits
from kit.scoring.trial import TrialResult, censored

STOPPED_EARLY = "stopped_early"


@dataclass(frozen=True)
class Run:
    """Run a trial.

    Attributes:
        trial_id: which.
        stop_after_seconds: submission time from which on it may stop if its target is not reached;
            0: it is needless and need not start; None: run it to its budget.
        rule: by which it may stop; its value is the reason to record.
        evidence: the trials whose results, or whose times so far, the rule rests on.
    """

    id: TrialId
    stop_after_seconds: float | None
    rule: Rule | None
    evidence: tuple[TrialId, ...]

    @property
    def needless(self) -> bool:
        """Tell whether the trial need not start."""
        return self.stop_after_seconds == 0

    def stopped(self, seconds: float) -> TrialResult:
        """Return the result of a trial that was stopped after so much submission time.

        Raises:
            ValueError: that was too early.
        """
        if (
            self.rule is None
            or self.stop_after_seconds is None
            or seconds < self.stop_after_seconds
        ):
            raise ValueError(f"{self.id} may not stop at {seconds} s: {self.stop_after_seconds}")
        return TrialResult(self.id, censored(seconds, (self.rule.value,)), STOPPED_EARLY)


@dataclass(frozen=True)
class Done:
    """No trial is left to start."""


def next_decision(situation: Situation) -> Run | Done:
    """Choose the next trial of the scheduled submissions, and say from when on it may stop."""
    known = knowledge_of(situation)
    place = next_place(known)
    return Done() if place is None else decide(known, place)


def running_decision(situation: Situation, trial_id: TrialId) -> Run:
    """Say from when on a trial may stop that runs now, or is owed."""
    known = knowledge_of(situation)
    return decide(known, known.place(trial_id))


def decide(known: Knowledge, place: Place) -> Run:
    """Return the decision about one trial."""
    limit = limit_of(known, place)
    trial_id = known.trial_id(place)
    if limit is None:
        return Run(trial_id, None, None, ())
    return Run(trial_id, limit.seconds, limit.rule, tuple(map(known.trial_id, limit.evidence)))


def limit_of(known: Knowledge, place: Place, rules: Collection[Rule] = ALL_RULES) -> Limit | None:
    """Return the earliest limit that some rules give; None if there is none within the budget."""
    limits = [*gate_limits(known, place), *study_limits(known, place)]
    limit = earliest(limit for limit in limits if limit.rule in rules)
    if limit is None or limit.seconds >= known.budget_seconds(place):
        return None
    return limit
