"""Two submissions against each other: pairs of trials with the same seeds, run in turns.

Both trials of a pair start from the same parameters and see the data in the same order. Who goes
first alternates, so that a machine that slows down or speeds up favours neither. All workloads have
their first pair before any has its second: stopped in the middle, the answer is balanced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.planning.request import TrialRequest
from kit.records.folders import locked
from kit.rules.ruleset import Ruleset
from kit.rules.submission import Submission
from kit.study.assignment import Assignment, Part, assign
from kit.study.evidence import Evidence
from kit.study.executor import Executor, Signals
from kit.study.medians import outcome_of
from kit.study.owed import Board, Phase
from kit.study.runner import Observer, Study, run_study
from kit.study.scheduling import Done, Run

COMPARE = "compare"  # the folder of all comparisons below a results folder
SIDES = ("first", "second")  # a results folder each, so that their names may be the same


@dataclass(frozen=True)
class Side(Assignment):
    """One submission of a comparison: one trial for each workload and pair; a study is a pair."""

    trial: int = 1  # which point

    def trials_of(self, part: Part) -> Iterator[TrialId]:
        """Yield the trials on one workload, pair by pair."""
        for pair in self.studies:
            yield part.trial_id(self, pair, self.trial)


@dataclass(frozen=True)
class Duel:
    """The evidence of both sides, in the order in which they were named."""

    sides: tuple[Evidence, Evidence]

    def boards(self, *, while_running: bool = False) -> tuple[Board, Board]:
        """Return where all trials of both sides stand; records are verified."""
        first, second = self.sides
        return first.board(while_running=while_running), second.board(while_running=while_running)

    def turns(self) -> Iterator[tuple[int, TrialId]]:
        """Yield all trials in the order in which they run, each with the number of its side."""
        by_side = [list(side.assignment.trial_ids()) for side in self.sides]
        pairs = len(self.sides[0].assignment.studies)
        parts = len(by_side[0]) // pairs
        for pair in range(pairs):
            for part in range(parts):
                order = (0, 1) if (pair + part) % 2 == 0 else (1, 0)
                for side in order:
                    yield side, by_side[side][part * pairs + pair]


class _Only:
    """Has one trial run until it is decided."""

    def __init__(self, trial_id: TrialId) -> None:
        self._slot = trial_id

    def next_decision(self, board: Board) -> Run | Done:
        return Run(self._slot) if board[self._slot].phase is Phase.OWED else Done()


def side_of(
    ruleset: Ruleset,
    submission: Submission,
    *,
    workloads: Sequence[str] | None,
    pairs: int,
    trial: int,
) -> Side:
    """Return what one submission has to run.

    Args:
        ruleset: gives targets and budgets.
        submission: one side.
        workloads: scored or not; None: all that are scored and built.
        pairs: how many trials on each workload.
        trial: whose point; a self-tuning submission has one point only.

    Raises:
        UsageError: anything that the user has to change, in one line.
    """
    if pairs < 1:
        raise UsageError(f"A comparison needs one pair at least. Received: --seeds={pairs}.")
    whole = assign(ruleset, submission, workloads=workloads)
    self_tuning = whole.mode == "self-tuning"
    if not self_tuning and not 1 <= trial <= whole.trials:
        raise UsageError(
            f"Trial {trial} of {submission.name} does not exist under ruleset {ruleset.name}. "
            f"Choose 1 to {whole.trials}. Received: --trial={trial}."
        )
    kept = {field.name: getattr(whole, field.name) for field in fields(Assignment)}
    changes = {"studies": tuple(range(1, pairs + 1)), "trials": 1, "remarks": ()}
    return Side(**(kept | changes), trial=1 if self_tuning else trial)


def duel_name(first: Submission, second: Submission) -> str:
    """Return the folder of a comparison: edited code makes another one."""
    return "_vs_".join(f"{one.name}-{one.sha256[:8]}" for one in (first, second))


def side_folders(results: Path, first: Submission, second: Submission) -> tuple[Path, Path]:
    """Return the results folders of both sides, apart from every official result."""
    folder = results / COMPARE / duel_name(first, second)
    return folder / SIDES[0], folder / SIDES[1]


def run_pairs(
    duel: Duel,
    plans: Sequence[Callable[[Run], TrialRequest]],
    executor: Executor,
    *,
    observers: Sequence[Observer],
    signals: Signals,
) -> tuple[Board, Board]:
    """Run what is owed until nothing is or a signal asks to end; return where both sides stand.

    Args:
        duel: both sides.
        plans: return the request of a trial, one for each side.
        executor: runs them.
        observers: one for each side.
        signals: to this process.

    Raises:
        KitError: another process runs the same comparison, or a study of one side cannot go on.
    """
    folder = duel.sides[0].results.parent
    refusal = f"The same comparison is already running in {folder}. Wait for it."
    with locked(folder, COMPARE, refusal=refusal):
        for side in duel.sides:
            side.recover()
        boards = duel.boards()
        for number, trial_id in duel.turns():
            if signals.received():
                break
            if boards[number][trial_id].phase is Phase.OWED:
                study = Study(duel.sides[number], plans[number], _Only(trial_id), executor)
                run_study(study, observer=observers[number], signals=signals)
        return duel.boards()


def pair_times(duel: Duel, boards: tuple[Board, Board]) -> dict[str, list[tuple[float, float]]]:
    """Return by workload the times to target of all pairs that are complete; a miss is infinite."""
    times: dict[str, list[tuple[float, float]]] = {}
    first, second = (side.assignment for side in duel.sides)
    for part, other in zip(first.parts, second.parts, strict=True):
        trial_ids = zip(first.trials_of(part), second.trials_of(other), strict=True)
        for pair in trial_ids:
            standings = [board[trial_id] for board, trial_id in zip(boards, pair, strict=True)]
            if all(standing.phase is not Phase.OWED for standing in standings):
                own, others = (outcome_of(standing).highest for standing in standings)
                times.setdefault(part.label, []).append((own, others))
    return times
