"""The rules of one trial as a state machine: when an evaluation is due, what ends the trial.

It has no input and output of its own, so that every rule is tested with a fake clock.

What the referee can measure of a trainer is the time from one evaluation to the next. How many
steps lie between, and when they end, only the trainer knows, and it may lie; so may a "first step"
that hides a hundred. Nothing here depends on reported steps:

* An evaluation later than the ruleset's limit counts for the curve, not for the target
  (`kit/records/schedule.py`). So a trainer that waits for better weights gains at most the limit,
  and one whose first step compiles for a minute, or whose steps are longer than the limit, is not
  punished beyond that: what it hands over in time, by chance or at the next period, still counts.
* A trainer that does not yield at all is stopped when it is later than `PATIENCE` times that limit
  and than the longest time that the referee saw pass between two evaluations, from the clock's
  start on: no step, compilation included, was that long so far. It would gain nothing by going on,
  so this only saves time. Before the first evaluation only the budget ends the trial.
* Finishing early chooses no moment either: under a fixed schedule the last evaluation waits for the
  next multiple of the period, unless the budget ends before.
"""

from __future__ import annotations

import itertools

from kit.errors import RuleViolation
from kit.planning.request import EarlyStop
from kit.records.record import NANOSECONDS, Evaluation, TrialState
from kit.records.schedule import Schedule
from kit.referee.clock import Clock, seconds
from kit.rules.ruleset import Ruleset, WorkloadRules

PATIENCE = 10  # times the limit of lateness, after which a trainer no longer seems to yield
GPU_TOLERANCE = 0.05  # of a sample; covers the end of what the device was still doing


class Judge:
    """Applies a workload's rules to the events of a trial."""

    def __init__(
        self,
        rules: WorkloadRules,
        ruleset: Ruleset,
        clock: Clock,
        schedule: Schedule,
        *,
        stop: EarlyStop | None = None,
    ) -> None:
        self._rules = rules
        self._ruleset = ruleset
        self._clock = clock
        self._schedule = schedule
        self._budget_ns = round(rules.max_runtime_seconds * NANOSECONDS)
        self._stop = stop
        self._stop_ns = None if stop is None else round(stop.after_seconds * NANOSECONDS)
        self.evaluations: list[Evaluation] = []

    @property
    def due_ns(self) -> int:
        """Return when an evaluation at this moment was due."""
        return self._schedule.due_ns(self.evaluations, self.submission_ns())

    def submission_ns(self) -> int:
        """Return the submission time so far."""
        return self._clock.elapsed_ns("submission")

    def evaluation_is_due(self) -> bool:
        """Tell whether the trainer should yield at its next step boundary."""
        return self.submission_ns() >= self._schedule.due_ns(self.evaluations)

    def completion_must_wait(self, step: int) -> bool:
        """Tell whether a trainer that has finished waits for the evaluation that is due next."""
        if self._schedule.kind != "fixed" or self.is_evaluated(step):
            return False
        return self.submission_ns() < self._schedule.due_ns(self.evaluations) < self._budget_ns

    def is_evaluated(self, step: int) -> bool:
        """Tell whether the last evaluation was at this step."""
        return bool(self.evaluations) and self.evaluations[-1].step == step

    def seconds_until_next_event(self) -> float:
        """Return the submission time left until an evaluation is due or the budget ends."""
        now = self.submission_ns()
        due_ns = self._schedule.due_ns(self.evaluations)
        moments = (due_ns, self._budget_ns, self._stop_ns)
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
        """Check the step count that the trainer reports with its weights.

        Raises:
            RuleViolation: it is not 1 where the first evaluation comes after step 1, or did not
                advance.
        """
        after_first = self._schedule.kind == "after_previous"
        if not self.evaluations and after_first and step != 1:
            raise RuleViolation(f"The first evaluation comes after step 1. Received: step {step}.")
        last = self.evaluations[-1].step if self.evaluations else 0
        if step <= last:
            raise RuleViolation(
                f"The step count did not advance: {last} at the last evaluation, {step} now."
            )

    def check_lateness(self) -> None:
        """Check that the trainer has not stopped yielding.

        Raises:
            RuleViolation: it is far later than the limit and than it ever took to come back.
        """
        if not self.evaluations:
            return
        times = [0, *(evaluation.submission_ns for evaluation in self.evaluations)]
        longest_ns = max(after - before for before, after in itertools.pairwise(times))
        allowed_ns = max(longest_ns, PATIENCE * (self._schedule.late_ns or 0))
        late_ns = self.submission_ns() - self._schedule.due_ns(self.evaluations)
        if late_ns > allowed_ns:
            raise RuleViolation(
                f"The trainer was asked for an evaluation and had not yielded "
                f"{seconds(late_ns):.1f} s later; {seconds(allowed_ns):.1f} s are allowed."
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
        value = evaluation.metrics[f"validation/{self._rules.target.metric}"]
        return self._rules.target.reached_by(value) and self._schedule.may_reach(evaluation)
