"""A comparison whose trials take a second because nothing is trained."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from kit import paths
from kit.records.files import read_record
from kit.records.record import TrialRecord
from kit.records.signing import load_or_create_key
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from kit.study.evidence import Evidence
from kit.study.pairs import Duel, run_pairs, side_folders, side_of
from kit.study.scheduling import Run
from tests.study.conftest import CODE, HERE, RULESET, NoSignals, Place, Told, write_racer

Ran = tuple[Any, Any]
REACHED = ("target_reached", "target_reached")


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

    def command(self, number: int, states: str) -> Callable[[Run], Sequence[str]]:
        """Return what starts a trial of one side; it ends as `states` says."""
        side = self.duel.sides[number]

        def words(run: Run) -> Sequence[str]:
            trial_id = run.id
            asked = [
                "--workload",
                trial_id.workload,
                "--submission",
                str(side.assignment.submission.folder),
            ]
            asked += ["--ruleset", str(RULESET), "--results", str(side.results), "--json"]
            asked += ["--study", str(trial_id.study), "--trial", str(trial_id.trial)]
            asked += ["--isolation", "process", "--tied-to", str(os.getpid())]
            asked += ["--comparison", side.results.parent.name]
            program = [sys.executable, str(HERE / "untrained.py"), "run"]
            return ["env", f"STATE={states}", *program, *asked]

        return words

    def run(
        self,
        told: Told | None = None,
        *,
        states: tuple[str, str] = REACHED,
        signals: NoSignals | None = None,
    ) -> Ran:
        """Run what is owed; each side's trials end as its `states` say."""
        told = told or Told()
        commands = [self.command(number, state) for number, state in enumerate(states)]
        observers = [told, told]
        return run_pairs(self.duel, commands, observers=observers, signals=signals or NoSignals())

    def records(self, number: int) -> dict[int, TrialRecord]:
        """Return the records of one side by pair."""
        found = self.duel.sides[number].results.rglob("trial.json")
        return {record.study: record for record in (read_record(p.parent)[0] for p in found)}
