"""The log of a real competition (AlgoPerf 0.5, external tuning) and what was published of it."""

from __future__ import annotations

import csv
import functools
import json
from pathlib import Path
from typing import Any

from kit.rules.ruleset import load_ruleset
from kit.scoring.reading.compact import read_compact
from kit.scoring.results import Results, collect
from kit.scoring.rules import scoring_rules

FOLDER = Path(__file__).parents[1] / "golden" / "leaderboard"
LOG = FOLDER / "algoperf_v05_external.csv.gz"


@functools.cache
def expected() -> dict[str, Any]:
    """Return the published scores and the reference scorer's output."""
    content: dict[str, Any] = json.loads(
        (FOLDER / "algoperf_v05_external_expected.json").read_text(encoding="utf-8")
    )
    return content


def table(name: str) -> dict[str, dict[str, float]]:
    """Return one of the reference scorer's own tables, by submission and column."""
    with (FOLDER / f"algoperf_v05_external_{name}.csv").open(encoding="utf-8", newline="") as file:
        return {
            row.pop("submission"): {key: float(cell or "nan") for key, cell in row.items()}
            for row in csv.DictReader(file)
        }


@functools.cache
def results(*, gates: bool = True) -> Results:
    """Return the competition's results, with or without held-out variants."""
    rules = scoring_rules(
        load_ruleset("algoperf-0.5"), tuning="external", held_out=None if gates else {}
    )
    batch = read_compact(LOG, rules)
    return collect(batch.trials, rules, submissions=batch.submissions)
