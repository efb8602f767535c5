"""Score-exact scheduling of a study: what can change no score any more is stopped, or not started.

The rules are those of `kit.scoring.scheduling`. Here the evidence of a study, and of rivals where
their results are known, becomes the situation that they decide on. Every workload of the assignment
is taken as if it were scored, so that a study of a workload for development is worth the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.planning.request import EarlyStop
from kit.scoring.results import collect
from kit.scoring.rules import ScoringRules, scoring_rules
from kit.scoring.scheduling import decision as deciding
from kit.scoring.scheduling.knowledge import Situation
from kit.scoring.trial import INFINITY, MISSED, Outcome, TrialResult
from kit.study.assignment import Assignment
from kit.study.evidence import Evidence
from kit.study.medians import outcome_of
from kit.study.owed import Board, Phase
from kit.study.rivals import NO_RIVALS, Rivals, read_rivals
from kit.study.scheduling import Done, InOrder, Run, Scheduler

_OPEN = Outcome(0.0, INFINITY, ("not asked for",))


@dataclass(frozen=True)
class ScoreExact:
    """Runs first what settles most, and stops every trial as soon as no score depends on it."""

    assignment: Assignment
    rivals: Rivals = NO_RIVALS

    def next_decision(self, board: Board) -> Run | Done:
        """Return the next trial that is owed, and from when on it may stop."""
        rules = assigned_rules(self.assignment)
        own = [*self._ended(board), *self._left_out(rules)]
        results = collect(
            [*own, *self.rivals.trials], rules, submissions=[self.assignment.submission.name]
        )
        running = {
            standing.id: standing.running_seconds
            for standing in board.standings
            if standing.running_seconds is not None
        }
        decision = deciding.next_decision(
            Situation(results, scheduled=(self.assignment.submission.name,), running=running)
        )
        if isinstance(decision, deciding.Done):
            return Done()
        if decision.stop_after_seconds is None or decision.rule is None:
            return Run(decision.id)
        stop = EarlyStop(
            after_seconds=decision.stop_after_seconds,
            rule=decision.rule.value,
            evidence=self._digests(board, decision.evidence),
        )
        return Run(decision.id, stop)

    def _ended(self, board: Board) -> Iterator[TrialResult]:
        for standing in board.standings:
            if standing.phase not in (Phase.OWED, Phase.RUNNING):
                state = standing.decided.state if standing.decided else None
                yield TrialResult(standing.id, outcome_of(standing), str(state))

    def _left_out(self, rules: ScoringRules) -> Iterator[TrialResult]:
        """Yield trials of the ruleset that this command does not run.

        Those of other studies may be run later, with any time; those beyond the last declared point
        never can, and count as missed.
        """
        asked = set(self.assignment.trial_ids())
        for part in self.assignment.parts:
            for study in range(1, rules.studies + 1):
                for trial in range(1, rules.trials + 1):
                    trial_id = part.trial_id(self.assignment, study, trial)
                    if trial_id not in asked:
                        missing = trial > self.assignment.trials
                        outcome, state = (MISSED, "missing") if missing else (_OPEN, "open")
                        yield TrialResult(trial_id, outcome, state)

    def _digests(self, board: Board, evidence: tuple[TrialId, ...]) -> tuple[str, ...]:
        """Return the attestations behind some results; a trial that was given up has none."""
        own = {
            standing.id: standing.decided.result.attestation_sha256
            for standing in board.standings
            if standing.decided and standing.decided.result
        }
        known = {**self.rivals.attestations, **own}
        return tuple(dict.fromkeys(known[trial_id] for trial_id in evidence if trial_id in known))


def scheduler_of(
    evidence: Evidence, *, known: Sequence[Path], machine: Mapping[str, object]
) -> Scheduler:
    """Return what decides which trials of a study run, and how long.

    Args:
        evidence: of the study; one that is to be completed runs everything in full.
        known: results of other submissions, which set a cut-off.
        machine: this one, as `environment.json` describes it.

    Raises:
        UsageError: results of others, and a study that is to be completed.
    """
    if evidence.complete:
        if known:
            raise UsageError(
                "--known says what may be stopped, and --complete stops nothing. Leave one out."
            )
        return InOrder()
    assignment = evidence.assignment
    if not known:
        return ScoreExact(assignment)
    trusted, rules = [evidence.key.public], assigned_rules(assignment)
    rivals = read_rivals(known, assignment, rules, trusted=trusted, machine=machine)
    return ScoreExact(assignment, rivals)


def assigned_rules(assignment: Assignment) -> ScoringRules:
    """Return the rules of a score over exactly the workloads and variants of an assignment."""
    rules = scoring_rules(assignment.ruleset, tuning=assignment.mode, held_out={})
    return replace(
        rules,
        bases=tuple(part.base for part in assignment.parts if part.variant is None),
        held_out={part.base: part.variant for part in assignment.parts if part.variant},
        left_out=(),
    )
