"""The rules of one trial as a state machine: when an evaluation is due, what ends the trial.

It has no input and output of its own, so that every rule is tested with a fake clock.
"""

from __future__ import annotations

import itertools
import statistics

from kit.errors import RuleViolation
from kit.records.record import NANOSECONDS, Evaluation, TrialState
from kit.referee.clock import Clock, seconds
from kit.rules.plan import EarlyStop
from kit.rules.ruleset import Ruleset, WorkloadRules

GPU_TOLERANCE = 0.05  # of a sample; covers the end of what the device was still doing


class Judge:
    """Applies a workload's rules to the events of a trial."""

    def __init__(
        self,
        rules: WorkloadRules,
        ruleset: Ruleset,
        clock: Clock,
        *,
        stop: EarlyStop | None = None,
    ) -> None:
        self._rules = rules
        self._ruleset = ruleset
        self._clock = clock
        self._period_ns = round(rules.eval_period_seconds * NANOSECONDS)
        self._budget_ns = round(rules.max_runtime_seconds * NANOSECONDS)
        self._stop = stop
        self._stop_ns = None if stop is None else round(stop.after_seconds * NANOSECONDS)
        self.evaluations: list[Evaluation] = []
        self.due_ns = 0  # the first evaluation comes after step 1

    def submission_ns(self) -> int:
        """Return the submission time so far."""
        return self._clock.elapsed_ns("submission")

    def evaluation_is_due(self) -> bool:
        """Tell whether the trainer should yield at its next step boundary."""
        return self.submission_ns() >= self.due_ns

    def seconds_until_next_event(self) -> float:
        """Return the submission time left until an evaluation is due or the budget ends."""
        now = self.submission_ns()
        moments = (self.due_ns, self._budget_ns, self._stop_ns)
        coming = [t for t in moments if t is not None and t > now]
        return seconds(min(coming) - now) if coming else 0.0

    def is_out_of_time(self) -> bool:
        """Tell whether the budget is used up: from then on no evaluation is granted."""
        return self.submission_ns() > self._budget_ns

    def over(self) -> tuple[TrialState, str] | None:
        """Return state and reason where the time for evaluations is over, None while it is not.

        No evaluation is granted from then on, also where weights were just handed over. So all
        that is known of a trial stopped early is that its time to target is not below the
        submission time now. A budget that is used up is known to be a miss, and goes first.
        """
        if self.is_out_of_time():
            return TrialState.OUT_OF_TIME, "The budget of submission time is used up."
        if self._stop is None or self._stop_ns is None or self.submission_ns() <= self._stop_ns:
            return None
        return (
            TrialState.STOPPED_EARLY,
            f"No continuation beyond {self._stop.after_seconds:g} s of submission time could "
            f"change a score: {self._stop.rule}.",
        )

    def check_step(self, step: int) -> None:
        """Check the step count of handed-over weights.

        Raises:
            RuleViolation: it is not 1 at the first evaluation, or did not advance.
        """
        if not self.evaluations and step != 1:
            raise RuleViolation(f"The first evaluation comes after step 1. Received: step {step}.")
        if self.evaluations and step <= self.evaluations[-1].step:
            raise RuleViolation(
                f"The step count did not advance: {self.evaluations[-1].step} at the last "
                f"evaluation, {step} now."
            )

    def lateness_limit_seconds(self) -> float | None:
        """Return how late a trainer may yield, None while no step time is known.

        The limit is a multiple of the median time of a step between evaluations, with a floor.
        """
        marks = [(e.step, e.submission_ns) for e in self.evaluations]
        step_times = [
            seconds(later[1] - earlier[1]) / (later[0] - earlier[0])
            for earlier, later in itertools.pairwise(marks)
        ]
        if not step_times:
            return None
        limits = self._ruleset.yielding
        multiple = limits.late_yield_median_steps * statistics.median(step_times)
        return max(limits.late_yield_seconds, multiple)

    def check_lateness(self) -> None:
        """Check how long ago the trainer should have yielded.

        Raises:
            RuleViolation: longer than the ruleset allows.
        """
        late = seconds(self.submission_ns() - self.due_ns)
        limit = self.lateness_limit_seconds()
        if limit is not None and late > limit:
            raise RuleViolation(
                f"The trainer was asked for an evaluation and had not yielded {late:.1f} s later; "
                f"{limit:.1f} s are allowed."
            )

    def check_pause(self, evaluation: Evaluation) -> None:
        """Check what the trainer did while it was frozen.

        Raises:
            RuleViolation: it used more CPU or GPU time than the ruleset tolerates.
        """
        used, allowed = evaluation.pause_cpu_seconds, self._ruleset.pause_cpu_tolerance_seconds
        if used > allowed:
            raise RuleViolation(
                f"The trainer computed for {used:.2f} s of CPU time during an untimed "
                f"evaluation; {allowed:.2f} s are tolerated."
            )
        share = evaluation.pause_gpu_utilization
        if share is not None and share > GPU_TOLERANCE:
            raise RuleViolation(
                f"The trainer used {100 * share:.0f}% of a GPU during an untimed evaluation; "
                f"{100 * GPU_TOLERANCE:.0f}% are tolerated."
            )

    def add(self, evaluation: Evaluation) -> bool:
        """Enter an evaluation; return whether it reached the target."""
        self.evaluations.append(evaluation)
        self.due_ns = evaluation.submission_ns + self._period_ns
        return self.reached(evaluation)

    def reached(self, evaluation: Evaluation) -> bool:
        """Tell whether the validation metric of `evaluation` reaches the target."""
        target = self._rules.target
        return target.reached_by(evaluation.metrics[f"validation/{target.metric}"])
