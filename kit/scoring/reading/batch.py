"""What a reader hands on: trials, and what a user must know about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kit.contracts.trial_id import TrialId
from kit.scoring.rules import ScoringRules
from kit.scoring.trial import TrialResult


@dataclass(frozen=True)
class Curve:
    """The evaluations of a trial as columns; `values` are the validation metric, NaN possible."""

    seconds: Sequence[float] = ()  # submission time
    steps: Sequence[float] = ()
    values: Sequence[float] = ()


@dataclass(frozen=True)
class Batch:
    """Trials of one or more places, judged."""

    trials: tuple[TrialResult, ...]
    submissions: tuple[str, ...]  # that take part, even without a trial
    notices: tuple[str, ...] = ()
    curves: Mapping[TrialId, Curve] = field(default_factory=dict)


def join(batches: Iterable[Batch]) -> Batch:
    """Return several batches as one."""
    batches = list(batches)
    return Batch(
        tuple(trial for batch in batches for trial in batch.trials),
        tuple(sorted({name for batch in batches for name in batch.submissions})),
        tuple(dict.fromkeys(notice for batch in batches for notice in batch.notices)),
        {trial_id: curve for batch in batches for trial_id, curve in batch.curves.items()},
    )


class LeftOut:
    """Counts trials of workloads that do not count, to name each workload once."""

    def __init__(self, rules: ScoringRules) -> None:
        self._rules = rules
        self._counts: Counter[str] = Counter()
        self._keys: dict[str, tuple[str, str | None] | None] = {}

    def key_of(self, label: str) -> tuple[str, str | None] | None:
        """Return base and variant of a workload that counts; count and drop any other."""
        if label not in self._keys:
            self._keys[label] = self._rules.split(label)
        key = self._keys[label]
        if key is None or not self._rules.counts(*key):
            self._counts[label] += 1
            return None
        return key

    def notices(self) -> list[str]:
        """Return one line for each workload that was left out."""
        return [
            f"Left out: {count} trial{'' if count == 1 else 's'} of {label!r}: {self._why(label)}."
            for label, count in sorted(self._counts.items())
        ]

    def _why(self, label: str) -> str:
        key = self._rules.split(label)
        if key is None:
            return f"ruleset {self._rules.ruleset} has no such workload"
        base, variant = key
        if base in self._rules.left_out:
            return "that workload is not scored this time"
        if variant is None:
            return f"ruleset {self._rules.ruleset} does not score it"
        chosen = self._rules.held_out.get(base)
        return f"the held-out variant of {base} is {chosen or 'none'}"


def out_of_order(problems: Sequence[str]) -> list[str]:
    """Return the notice about rows that a reader took as they stand."""
    if not problems:
        return []
    more = f" ({len(problems) - 1:,} more like it)" if len(problems) > 1 else ""
    return [f"OUT OF ORDER, and used as it stands: {problems[0]}{more}"]


def not_numbers(values: int, trials: int) -> list[str]:
    """Return the notice about metrics that are no finite numbers."""
    if not values:
        return []
    return [
        f"{values:,} validation values in {trials:,} trials are no finite numbers; they never "
        "reach a target."
    ]
