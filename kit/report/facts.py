"""Everything that figures are drawn from: trials, standings, intervals, in one order."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from kit.contracts.trial_id import TrialId
from kit.report.trials import Trial, best_of_studies, trials_of
from kit.scoring.bootstrap import Bounds, time_intervals
from kit.scoring.leaderboard import Leaderboard
from kit.scoring.reading.load import Loaded
from kit.scoring.results import Floats


@dataclass(frozen=True)
class Facts:
    """What a report is about.

    Attributes:
        loaded: results as they were read.
        board: standings; None where no score can be given.
        trials: every attempt, also those that do not count.
    """

    loaded: Loaded
    board: Leaderboard | None
    trials: tuple[Trial, ...]

    @functools.cached_property
    def submissions(self) -> tuple[str, ...]:
        """Return the names, best first where there are scores; a name's place is its style."""
        names = [line.submission for line in self.board.standings] if self.board else []
        return tuple(dict.fromkeys([*names, *sorted(t.id.submission for t in self.trials)]))

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Return the workloads and variants with trials, in the ruleset's order."""
        bases = list(self.loaded.ruleset.workloads)
        keys = {(t.id.workload, t.id.variant or "", t.id.label) for t in self.trials}

        def order(key: tuple[str, str, str]) -> tuple[int, str, str]:
            return (bases.index(key[0]) if key[0] in bases else len(bases), key[0], key[1])

        return tuple(label for _, _, label in sorted(keys, key=order))

    @functools.cached_property
    def best(self) -> frozenset[tuple[TrialId, int]]:
        """Return id and attempt of the best trial of each study."""
        return frozenset(best_of_studies(self.trials))

    @functools.cached_property
    def numbers(self) -> Mapping[tuple[TrialId, int], int]:
        """Return the number of each trial, by which figures and page name the same one."""
        return {(trial.id, trial.attempt): n for n, trial in enumerate(self.trials)}

    def of_label(self, label: str) -> list[Trial]:
        """Return the trials on a workload or variant."""
        return self._by_label.get(label, [])

    def of_submission(self, submission: str) -> list[Trial]:
        """Return the trials of a submission."""
        return [trial for trial in self.trials if trial.id.submission == submission]

    def time_interval(self, submission: str, label: str) -> Bounds | None:
        """Return the interval of a median time to target in seconds; infinity is a miss."""
        if self._intervals is None or submission not in self.loaded.results.submissions:
            return None
        key = self.loaded.results.rules.split(label)
        if key is None or not self.loaded.results.rules.counts(*key):
            return None
        row = self.loaded.results.submissions.index(submission)
        place = (row, self.loaded.results.rules.bases.index(key[0]), int(key[1] is not None))
        low, high = self._intervals
        return Bounds(float(low[place]), float(high[place]))

    @functools.cached_property
    def _by_label(self) -> Mapping[str, list[Trial]]:
        grouped: dict[str, list[Trial]] = {}
        for trial in self.trials:
            grouped.setdefault(trial.id.label, []).append(trial)
        return grouped

    @functools.cached_property
    def _intervals(self) -> tuple[Floats, Floats] | None:
        drawn = self.board.intervals if self.board else None
        if drawn is None:
            return None
        results = self.loaded.results
        return time_intervals(
            results, resamples=drawn.resamples, seed=drawn.seed, level=drawn.level
        )


def gather(loaded: Loaded, board: Leaderboard | None) -> Facts:
    """Return the facts of what was read and scored."""
    return Facts(loaded, board, tuple(trials_of(loaded)))
