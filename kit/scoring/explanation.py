"""Why two scorers give different numbers: each of their five differences, computed alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from kit.scoring.leaderboard import scores_under
from kit.scoring.results import Results
from kit.scoring.rules import ALGOPERF_SCORER, WRITTEN_RULES, Convention
from kit.scoring.times import choose

_SENTENCES = {
    "fastest_trial": "it takes a study's trial with the smallest evaluation index, not the fastest",
    "missing_studies_count": "a study without any data drops out of the median, here it is ∞",
    "enforce_budget": "a target that was reached after the budget counts, here it is a miss",
    "own_losses_first": "it cuts off before it gates, so those who are out decide who is cut off",
    "exact_integral": "it integrates the profile by trapezoids on 100 points, here exactly",
}


@dataclass(frozen=True)
class Difference:
    """One way in which the reference scorer departs from the written rules, and its effect."""

    name: str
    sentence: str
    changes: Mapping[str, tuple[float, float]]  # submission -> score by the rules, with this change


def differences(results: Results) -> list[Difference]:
    """Return every difference with the scores that it changes when it alone is applied."""
    by_rules = scores_under(results, WRITTEN_RULES)
    found = []
    for field in fields(Convention):
        theirs = getattr(ALGOPERF_SCORER, field.name)
        changed = scores_under(results, replace(WRITTEN_RULES, **{field.name: theirs}))
        changes = {
            name: (by_rules[name], changed[name])
            for name in results.submissions
            if changed[name] != by_rules[name]
        }
        found.append(Difference(field.name, _SENTENCES[field.name], changes))
    return found


def slower_choices(results: Results) -> list[tuple[str, str, int, float]]:
    """Return the studies where the reference scorer takes a slower trial than the fastest.

    Returns:
        Submission, workload label, study, and the slowdown: 0.01 is one percent.
    """
    fastest = replace(ALGOPERF_SCORER, fastest_trial=True)
    found = []
    for submission in results.submissions:
        for base, variant in results.labels():
            studies: dict[int, list[int]] = {}
            trials = results.of(submission, base, variant)
            for number, trial in enumerate(trials):
                studies.setdefault(trial.id.study, []).append(number)
            for study, numbers in studies.items():
                own = [trials[number] for number in numbers]
                theirs, best = choose(own, ALGOPERF_SCORER), choose(own, fastest)
                if theirs and best and theirs.reached and best.reached:
                    slowdown = theirs.reached.seconds / best.reached.seconds - 1
                    if slowdown > 0:
                        found.append((submission, own[0].id.label, study, slowdown))
    return found
