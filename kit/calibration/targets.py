"""The published target-setting procedure as pure functions over runs.

Source: Dahl et al. 2023, "Benchmarking Neural Network Training Algorithms"
(https://arxiv.org/abs/2306.07179), and "Defining target performance" in AlgoPerf's documentation.
"""

from __future__ import annotations

import decimal
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kit.calibration.runs import CalibrationRun, Point
from kit.errors import TrialError

PUBLISHED_SLACK = 4 / 3  # the maximum runtime of AlgoPerf 0.5: a third longer than target setting
EVALUATION_SHARE = 0.15  # the middle of the published 10% to 20% of a target-setting run
TARGET_DIGITS = 5
BUDGET_DIGITS = 3
_SHORTEST_PERIOD_SECONDS = 0.001


@dataclass(frozen=True)
class Targets:
    """What the repetitions of the best setting give."""

    best: tuple[float, ...]  # best validation metric of each repetition; ±infinity: it failed
    median: float
    validation: float  # the median, eased to a readable number
    test: float | None
    reached: tuple[Point | None, ...]  # where each repetition first reaches `validation`

    @property
    def reaching(self) -> int:
        """Return how many repetitions reach the validation target."""
        return sum(point is not None for point in self.reached)


@dataclass(frozen=True)
class Budget:
    """What the repetitions took, and the budget and eval period that follow."""

    run_seconds: float  # median submission time of a repetition
    evaluation_seconds: float  # median time of one evaluation
    max_runtime_seconds: float
    eval_period_seconds: float
    step_hint: int

    @property
    def evaluations(self) -> float:
        """Return how many eval periods a run of target setting has."""
        return self.run_seconds / self.eval_period_seconds

    @property
    def evaluation_share(self) -> float:
        """Return the share of evaluations in a run of target setting, at this eval period."""
        evaluating = self.evaluations * self.evaluation_seconds
        return evaluating / (evaluating + self.run_seconds)


def best_run(runs: Sequence[CalibrationRun], *, higher_is_better: bool) -> CalibrationRun:
    """Return the run with the best best-validation metric of all; of equal ones the first.

    Raises:
        TrialError: every run failed or diverged.
    """

    def loss(run: CalibrationRun) -> float:
        value = run.best(higher_is_better=higher_is_better)
        return -value if higher_is_better else value

    found = min(runs, key=loss, default=None)
    if found is None or not math.isfinite(loss(found)):
        raise TrialError(
            f"No setting can be chosen: none of {len(runs)} runs trained to its end with a finite "
            "validation metric. Look at their logs, then try another space or more steps, and "
            "another --output."
        )
    return found


def targets(runs: Sequence[CalibrationRun], *, higher_is_better: bool) -> Targets:
    """Return the targets that the repetitions of the best setting give, eased to readable numbers.

    Validation: the median over repetitions of each one's best validation metric, so no lucky run
    sets it; failed ones count as the worst there is. Of an even number it is the mean of the middle
    two, which half of the runs reach.

    Test: the worst test metric among the repetitions that reach the validation target, each taken
    at the evaluation where it *first* reaches it: there a scored trial ends, so that is what a
    trial hands over with its target reached. The published scripts took each repetition's best
    test metric of the whole run (mlcommons/algorithmic-efficiency, pull request 541), which such a
    trial need not have. None where no test metric is finite there.

    Raises:
        TrialError: so many repetitions failed that the median is no number.
    """
    best = tuple(run.best(higher_is_better=higher_is_better) for run in runs)
    finite = [value for value in best if math.isfinite(value)]
    median = statistics.median(best) if finite else math.nan
    if not math.isfinite(median):
        raise TrialError(
            f"No target can be set: only {len(finite)} of {len(runs)} repetitions of the best "
            "setting trained to the end with a finite validation metric. Look at their logs, then "
            "calibrate anew with another --output: more trials may find a steadier setting."
        )
    validation = eased(median, higher_is_better=higher_is_better)
    reached = tuple(
        run.first_reaching(validation, higher_is_better=higher_is_better) for run in runs
    )
    tests = [p.test for p in reached if p is not None and p.test is not None]
    tests = [value for value in tests if math.isfinite(value)]
    worst = min if higher_is_better else max
    return Targets(
        best=best,
        median=median,
        validation=validation,
        test=eased(worst(tests), higher_is_better=higher_is_better) if tests else None,
        reached=reached,
    )


def budget(runs: Sequence[CalibrationRun], *, steps: int, slack: float) -> Budget:
    """Return maximum runtime, step hint and eval period from the repetitions that did not fail.

    The maximum runtime is the median repetition's submission time multiplied by `slack`. The step
    hint grows by the same factor: it is the steps that the baseline does in the maximum runtime,
    as published, where target setting took 0.75 of the step hint for its schedules.
    The eval period makes evaluations `EVALUATION_SHARE` of the time in all: for an evaluation that
    takes e seconds, e × (1 - share) / share seconds of submission time lie between two.
    """
    finished = [run for run in runs if run.trained_to_the_end]
    run_seconds = statistics.median(run.submission_seconds for run in finished)
    evaluation_seconds = statistics.median(p.evaluation_seconds for r in finished for p in r.curve)
    period = evaluation_seconds * (1 - EVALUATION_SHARE) / EVALUATION_SHARE
    return Budget(
        run_seconds=run_seconds,
        evaluation_seconds=evaluation_seconds,
        max_runtime_seconds=_rounded(run_seconds * slack, BUDGET_DIGITS, decimal.ROUND_CEILING),
        eval_period_seconds=max(
            _SHORTEST_PERIOD_SECONDS, _rounded(period, BUDGET_DIGITS, decimal.ROUND_HALF_EVEN)
        ),
        step_hint=max(1, round(steps * slack)),
    )


def eased(value: float, *, higher_is_better: bool) -> float:
    """Round to `TARGET_DIGITS` significant digits towards the side that is easier to reach."""
    mode = decimal.ROUND_FLOOR if higher_is_better else decimal.ROUND_CEILING
    return _rounded(value, TARGET_DIGITS, mode)


def _rounded(value: float, digits: int, mode: str) -> float:
    exact = decimal.Decimal(repr(value))
    unit = decimal.Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return float(exact.quantize(unit, rounding=mode)) if exact else value
