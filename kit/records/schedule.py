"""When evaluations are due, and which of them may reach the target.

The trainer decides where its steps end, so it can hand weights over late: that is how a submission
would choose the moment of its evaluation. Of a late evaluation the record keeps everything, but it
does not reach the target. So a late trainer loses time and gains nothing, and one whose step is
long (it compiles, or the machine is busy) need not be stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kit.records.record import NANOSECONDS, Evaluation, RulesRecord

Kind = Literal["fixed", "after_previous", "chosen_steps"]


@dataclass(frozen=True)
class Schedule:
    """The evaluation schedule of one trial, in nanoseconds of submission time.

    `fixed`: evaluation k is due at k periods. Multiples that pass before the trainer hands over are
    skipped, and the last of them is when the evaluation was due.
    `after_previous`: the first is due at once, the next one period after the one before. The first
    cannot reach the target: of 4,151 published runs none did at step 1.
    `chosen_steps`: the trainer was told when to hand over; nothing is due.
    """

    kind: Kind
    period_ns: int
    late_ns: int | None  # an evaluation later than this does not reach; None: all may (format 1)

    @classmethod
    def of(cls, rules: RulesRecord) -> Schedule:
        """Return the schedule that a record names; format 1 had one, with no limit."""
        period_ns = round(rules.eval_period_seconds * NANOSECONDS)
        if rules.schedule is None:
            return cls("after_previous", period_ns, None)
        late_ns = round(rules.schedule.late_limit_seconds * NANOSECONDS)
        return cls(rules.schedule.kind, period_ns, late_ns)

    def due_ns(self, earlier: Sequence[Evaluation], now_ns: int = 0) -> int:
        """Return when the evaluation after `earlier` was due if handed over at `now_ns`."""
        last_ns = earlier[-1].submission_ns if earlier else None
        if self.kind == "fixed":
            first = 1 if last_ns is None else last_ns // self.period_ns + 1
            return max(first, now_ns // self.period_ns) * self.period_ns
        if self.kind == "chosen_steps":
            return now_ns
        return 0 if last_ns is None else last_ns + self.period_ns

    def may_reach(self, evaluation: Evaluation) -> bool:
        """Tell whether an evaluation can reach the target: it is not the first, and not late."""
        if self.late_ns is None or self.kind == "chosen_steps":
            return True
        if self.kind == "after_previous" and evaluation.index == 1:
            return False
        return evaluation.submission_ns - evaluation.due_ns <= self.late_ns
