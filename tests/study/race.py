"""A comparison whose trials take a second because nothing is trained."""

from __future__ import annotations

from typing import Any

from kit import paths
from kit.planning.request import Execution, TrialRequest
from kit.records.files import read_record
from kit.records.record import TrialRecord
from kit.records.signing import load_or_create_key
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.evidence import Evidence
from kit.study.executor import Ended, Event
from kit.study.pairs import Duel, run_pairs, side_folders, side_of
from tests.study.conftest import (
    CODE,
    RULESET,
    NoSignals,
    Place,
    Told,
    untrained_executor,
    write_racer,
)

Ran = tuple[Any, Any]
REACHED = ("target_reached", "target_reached")


class _Racing:
    """Hands each side's trials to an executor under which they end as that side's state says."""

    capacity = 1

    def __init__(self, duel: Duel, states: tuple[str, str]) -> None:
        self._by_results = {
            side.results: untrained_executor(STATE=state)
            for side, state in zip(duel.sides, states, strict=True)
        }
        self._latest = next(iter(self._by_results.values()))

    def __enter__(self) -> _Racing:
        return self

    def __exit__(self, *error: object) -> None:
        for executor in self._by_results.values():
            executor.__exit__()

    def submit(self, request: TrialRequest) -> None:
        self._latest = self._by_results[request.results]
        self._latest.submit(request)

    def next(self) -> Event | Ended | None:
        return self._latest.next()

    def interrupt(self, name: str) -> None:
        self._latest.interrupt(name)

    def kill(self) -> None:
        self._latest.kill()


class Race:
    """The racer of `place` against a copy of the same name whose code has a comment more."""

    def __init__(self, place: Place, pairs: int = 2) -> None:
        self.place = place
        other = place.root / "other" / "racer"
        if not other.exists():
            write_racer(other, CODE + "# another\n")
        ruleset = load_ruleset(RULESET)
        both = [load_submission(folder) for folder in (place.submission, other)]
        key = load_or_create_key(paths.config_root())
        folders = side_folders(place.results, *both)
        first, second = (
            Evidence(side_of(ruleset, one, workloads=["mnist"], pairs=pairs, trial=2), folder, key)
            for one, folder in zip(both, folders, strict=True)
        )
        self.duel = Duel((first, second))

    def run(
        self,
        told: Told | None = None,
        *,
        states: tuple[str, str] = REACHED,
        signals: NoSignals | None = None,
    ) -> Ran:
        """Run what is owed; each side's trials end as its `states` say."""
        told = told or Told()
        execution, name = Execution(isolation="process"), self.duel.sides[0].results.parent.name
        plans = [side.planner(execution, comparison=name) for side in self.duel.sides]
        common = {"observers": [told, told], "signals": signals or NoSignals()}
        with _Racing(self.duel, states) as executor:
            return run_pairs(self.duel, plans, executor, **common)

    def records(self, number: int) -> dict[int, TrialRecord]:
        """Return the records of one side by pair."""
        found = self.duel.sides[number].results.rglob("trial.json")
        return {record.study: record for record in (read_record(p.parent)[0] for p in found)}
