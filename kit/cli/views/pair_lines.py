"""Views of a comparison that write lines: those of a study, for each of its two sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from kit.cli.views.study_lines import StudyJsonView, StudyPlainView
from kit.cli.views.study_progress import StudyProgress

if TYPE_CHECKING:
    from kit.contracts.trial_id import TrialId
    from kit.study.assignment import Assignment
    from kit.study.owed import Board


class PairPlainView(StudyPlainView):
    """Names workload, pair and submission in each line."""

    def __init__(
        self, stream: TextIO, side: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream, now)
        self._side = side

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Take note; what is owed was said before the first trial."""
        self.progress = StudyProgress(assignment, board, self._now)

    def words(self, trial_id: TrialId) -> str:
        """Return "pair 2, mnist, my_lion"."""
        return f"pair {trial_id.study}, {trial_id.label}, {self._side}"


class PairJsonView(StudyJsonView):
    """Adds to each event which side it is about, and calls a study a pair."""

    def __init__(
        self, stream: TextIO, side: str, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(stream, now)
        self._side = side

    def begun(self, assignment: Assignment, board: Board) -> None:
        """Write nothing: this comes once for every trial."""

    def fields(self, trial_id: TrialId) -> dict[str, Any]:
        """Return workload, pair and side."""
        own = super().fields(trial_id)
        return {**own, "pair": own.pop("study"), "side": self._side}


PairView = PairPlainView | PairJsonView


def pair_views(stream: TextIO, names: tuple[str, str], *, as_json: bool) -> list[PairView]:
    """Return one view for each side; equal names are told apart."""
    if as_json:
        return [PairJsonView(stream, side) for side in ("first", "second")]
    return [PairPlainView(stream, name) for name in names]
