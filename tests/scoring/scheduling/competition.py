"""Random competitions with hidden outcomes, and a runner of studies that obeys decisions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.scoring.results import Results, collect
from kit.scoring.rules import ScoringRules
from kit.scoring.scheduling.decision import Done, Run, next_decision, running_decision
from kit.scoring.scheduling.knowledge import Situation
from kit.scoring.trial import MISSED, Goal, TrialResult, judge

BUDGET = 40.0
# Ties, exact multiples of r_max, the budget itself, beyond the budget.
TIMES = (1.0, 1.5, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 8.0, 9.0, 12.0, 16.0, 17.0, 25.0, 40.0, 41.0)
MISSES = (0.5, 3.0, 10.0, 40.0, 60.0)


@dataclass(frozen=True)
class Shape:
    """How large a competition is, and how its times are drawn."""

    submissions: int
    bases: int
    studies: int
    trials: int
    r_max: float
    miss: float  # probability that a trial misses
    absent: float  # probability that a trial is missing
    spread: float  # how much submissions differ: 0 not at all
    decimals: bool  # times that are no round numbers


def random_shape(dice: random.Random) -> Shape:
    """Draw a shape; studies may be even in number, and trials one, as in self-tuning."""
    return Shape(
        submissions=dice.randint(1, 4),
        bases=dice.randint(1, 2),
        studies=dice.choice([1, 2, 3, 3, 4, 5]),
        trials=dice.choice([1, 1, 2, 3]),
        r_max=dice.choice([1.5, 2.0, 4.0, 4.0]),
        miss=dice.choice([0.0, 0.1, 0.4]),
        absent=dice.choice([0.0, 0.0, 0.1]),
        spread=dice.choice([0.0, 1.0, 3.0]),
        decimals=dice.random() < 0.5,
    )


def random_competition(dice: random.Random, shape: Shape) -> Results:
    """Draw the results of runs made to their end; half of the workloads have a held-out variant."""
    rules = _rules(shape, dice)
    trials = []
    names = [f"s{number}" for number in range(shape.submissions)]
    keys = [(base, None) for base in rules.bases] + list(rules.held_out.items())
    for name in names:
        for base, variant in keys:
            factor = 2 ** dice.uniform(-shape.spread, shape.spread) if shape.spread else 1.0
            for study in range(1, shape.studies + 1):
                for trial in range(1, shape.trials + 1):
                    if dice.random() >= shape.absent:
                        trial_id = TrialId("example", name, base, variant, study, trial)
                        trials.append(_trial(trial_id, rules, factor, shape, dice))
    return collect(trials, rules, submissions=names)


def _rules(shape: Shape, dice: random.Random) -> ScoringRules:
    bases = tuple("wx"[: shape.bases])
    held_out = {base: "v" for base in bases if dice.random() < 0.6}
    goal = Goal(Target(metric="accuracy", higher_is_better=True, validation=0.9), BUDGET)
    goals = dict.fromkeys([*((base, None) for base in bases), *held_out.items()], goal)
    return ScoringRules("example", bases, held_out, goals, shape.studies, shape.trials, shape.r_max)


def _trial(
    trial_id: TrialId, rules: ScoringRules, factor: float, shape: Shape, dice: random.Random
) -> TrialResult:
    """Draw a curve: NaN first, then the target or never."""
    goal = rules.goals[trial_id.workload, trial_id.variant]
    if dice.random() < shape.miss:
        end = dice.choice(MISSES)
        return judge(trial_id, [end / 2, end], [0.5, math.nan], goal)
    time = dice.choice(TIMES) * (factor if shape.decimals else 1.0)
    if shape.decimals:
        time *= dice.uniform(0.9, 1.1)
    return judge(trial_id, [time / 2, time, time + 1], [math.nan, 0.95, 0.96], goal)


def compete(
    complete: Results,
    scheduled: Sequence[str],
    *,
    lanes: int = 1,
    field_closed: bool = True,
    rivals_known: bool = True,
    watch: Callable[[Situation, Run], None] = lambda situation, run: None,
) -> Results:
    """Run the scheduled submissions as decisions say, `lanes` trials at a time.

    Every decision is shown to `watch`.

    Returns:
        The results with stopped trials, rivals' results as they are.
    """
    rivals = {s: t for s, t in complete.trials.items() if s.submission not in scheduled}
    ended = dict(rivals) if rivals_known else {}
    names = complete.submissions if rivals_known else tuple(sorted(scheduled))
    start = replace(
        complete, first_study=dict.fromkeys(names, 1), first_trial=dict.fromkeys(names, 1)
    )
    running: dict[TrialId, float] = {}
    while True:
        results = replace(start, trials=ended)
        situation = Situation(results, tuple(scheduled), running, field_closed)
        if len(running) < lanes:
            decision = next_decision(situation)
            if not isinstance(decision, Done):
                watch(situation, decision)
                if decision.needless:
                    ended = {**ended, decision.id: decision.stopped(0.0)}
                else:
                    running = {**running, decision.id: 0.0}
                continue
        if not running:
            return replace(complete, trials={**rivals, **ended})
        running, ended = _advance(complete, situation, ended)


def _advance(
    complete: Results, situation: Situation, ended: dict[TrialId, TrialResult]
) -> tuple[dict[TrialId, float], dict[TrialId, TrialResult]]:
    """Let all running trials go on until the first of them ends or may stop."""
    runs = {trial_id: running_decision(situation, trial_id) for trial_id in situation.running}
    events = []
    for trial_id, so_far in situation.running.items():
        trial = complete.trials.get(trial_id, TrialResult(trial_id, MISSED, "missing"))
        reached = math.isfinite(trial.outcome.highest)
        end = trial.outcome.highest if reached else min(trial.last_seconds, BUDGET)
        stop = runs[trial_id].stop_after_seconds
        if stop is not None and stop < end:
            at = max(stop, so_far)
            events.append((at - so_far, trial_id, runs[trial_id].stopped(at)))
        else:
            events.append((max(end - so_far, 0.0), trial_id, trial))
    wait, first, result = min(events, key=lambda event: event[0])
    running = {s: t + wait for s, t in situation.running.items() if s != first}
    return running, {**ended, first: result}
