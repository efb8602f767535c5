"""Two submissions in pairs with the same seeds, in turns, resumed wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kit.errors import TrialError, UsageError
from kit.records.ledger import LEDGER, Ledger
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.pairs import pair_times, side_folders, side_of
from tests.study.conftest import RULESET, NoSignals, Place, Told
from tests.study.race import Race


def started(told: Told, race: Race) -> list[tuple[int, int]]:
    """Return pair and side of what was started, in order."""
    pairs = [run[0].id.study for what, run in told.heard if what == "started"]
    entered = sorted(
        (entry.start.time, entry.identification.study, number)
        for number, side in enumerate(race.duel.sides)
        for entry in Ledger(side.results / LEDGER).attempts()
    )[-len(pairs) :]
    assert [pair for _, pair, _ in entered] == pairs
    return [(pair, side) for _, pair, side in entered]


class AfterThree(NoSignals):
    """Ctrl-C once three trials have started."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def received(self) -> str | None:
        return "SIGINT" if len(self._told.started_trials()) == 3 else None


def test_pairs_share_seeds_and_points_take_turns_and_go_on_where_they_were(place: Place) -> None:
    race, told = Race(place), Told()
    boards = race.run(told, signals=AfterThree(told))
    assert started(told, race) == [(1, 0), (1, 1), (2, 1)]
    assert sum(len(board.owed) for board in boards) == 1
    assert len(pair_times(race.duel, boards)["mnist"]) == 1, "the second pair is not complete"
    told = Told()
    boards = race.run(told)
    assert started(told, race) == [(2, 0)]
    first, second = race.records(0), race.records(1)
    assert first[1].started_at < second[1].started_at
    assert all(first[pair].seeds == second[pair].seeds for pair in (1, 2))
    assert first[1].seeds.secret != first[2].seeds.secret
    points = {str(r.hyperparameters) for side in (first, second) for r in side.values()}
    assert len(points) == 1, "one search space gives both sides one point"
    assert {record.trial for record in first.values()} == {2}
    assert not any(record.official for record in (*first.values(), *second.values()))
    assert first[1].submission_sha256 != second[1].submission_sha256
    times = pair_times(race.duel, boards)
    assert len(times["mnist"]) == 2
    assert all(0 < seconds < 10 for pair in times["mnist"] for seconds in pair)


def test_the_same_comparison_twice_at_once_is_refused(place: Place) -> None:
    race = Race(place, pairs=1)

    def second(what: str, detail: object) -> None:
        if what == "started":
            with pytest.raises(TrialError, match=r"The same comparison is already running in"):
                race.run()
            raise RuntimeError("seen")

    with pytest.raises(RuntimeError, match="seen"):
        race.run(Told(when=second))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pairs": 0}, "A comparison needs one pair at least. Received: --seeds=0."),
        ({"trial": 3}, r"Trial 3 of racer does not exist under ruleset sprint. Choose 1 to 2."),
        ({"workloads": ["mnits"]}, "Unknown workload 'mnits'"),
    ],
)
def test_a_wrong_request_is_one_line(place: Place, changes: Any, message: str) -> None:
    asked = {"workloads": ["mnist"], "pairs": 1, "trial": 1} | changes
    with pytest.raises(UsageError, match=message):
        side_of(load_ruleset(RULESET), load_submission(place.submission), **asked)


def test_a_self_tuning_submission_has_one_point(place: Place) -> None:
    manifest = place.submission / "submission.yaml"
    space = manifest.read_text().partition("tuning:")[0]
    manifest.write_text(space + "tuning: {default: {fixed: {learning_rate: 0.1}}}\n")
    side = side_of(
        load_ruleset(RULESET),
        load_submission(place.submission),
        workloads=["mnist"],
        pairs=1,
        trial=2,
    )
    assert [trial_id.trial for trial_id in side.trial_ids()] == [1]


def test_results_folders_of_comparisons_lie_apart(tmp_path: Path, place: Place) -> None:
    one = load_submission(place.submission)
    first, second = side_folders(tmp_path, one, one)
    assert first != second
    assert first.parent == second.parent
    assert first.is_relative_to(tmp_path / "compare")
