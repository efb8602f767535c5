"""The 0.5 competition: the reference scorer's numbers, digit by digit, and ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kit.scoring.explanation import differences, slower_choices
from kit.scoring.gates import gate
from kit.scoring.leaderboard import score, scores_under
from kit.scoring.profile import grid, profile_on_grid, ratios
from kit.scoring.rules import ALGOPERF_SCORER, WRITTEN_RULES
from kit.scoring.times import choose, median_times
from tests.scoring import golden


@pytest.mark.parametrize(
    ("name", "changes", "gates"),
    [
        ("peer_rule_grid", {}, True),
        ("peer_rule_exact_integral", {"exact_integral": True}, True),
        ("fastest_trial_grid", {"fastest_trial": True}, True),
        ("fastest_trial_exact_integral", {"fastest_trial": True, "exact_integral": True}, True),
        ("peer_rule_no_held_out_gating_grid", {}, False),
        ("peer_rule_no_held_out_gating_exact", {"exact_integral": True}, False),
    ],
)
def test_scores_under_every_convention(name, changes, gates):
    found = scores_under(golden.results(gates=gates), replace(ALGOPERF_SCORER, **changes))
    assert found == pytest.approx(golden.expected()["scores"][name], abs=1e-12)


def test_no_published_run_reached_its_target_at_the_first_evaluation():
    trials = golden.results().trials.values()
    assert len(trials) > 3600
    assert not [trial for trial in trials if trial.reached and trial.reached.evaluation == 0]


def test_compat_gives_the_published_table():
    board = score(golden.results(), convention=ALGOPERF_SCORER)
    published = golden.expected()["published"]
    assert {line.submission: round(line.score, 4) for line in board.standings} == published
    assert [line.submission for line in board.standings] == list(published)
    theirs = golden.expected()["peer_scores_default_flags"]
    assert {line.submission: line.score for line in board.standings} == pytest.approx(
        theirs, abs=1e-12
    )


def test_times_equal_the_reference_scorers_own_table():
    results = golden.results()
    medians = median_times(results, ALGOPERF_SCORER)
    theirs = golden.table("time_to_targets")
    assert sorted(theirs) == list(results.submissions)
    for row, submission in enumerate(results.submissions):
        for column, base in enumerate(results.rules.bases):
            variant = results.rules.held_out.get(base)
            for side, label in enumerate([base, f"{base}_{variant}"][: 1 + bool(variant)]):
                np.testing.assert_equal(medians[row, column, side], theirs[submission][label])


def test_profile_equals_the_reference_scorers_own_table():
    results = golden.results()
    medians = median_times(results, ALGOPERF_SCORER)
    kept = gate(
        medians[..., 0],
        medians[..., 1],
        np.array(results.rules.gated),
        r_max=4.0,
        convention=ALGOPERF_SCORER,
    )
    found = profile_on_grid(ratios(kept.times), grid(4.0))
    theirs = golden.table("performance_profile")
    for row, submission in zip(found, results.submissions, strict=True):
        assert row.tolist() == list(theirs[submission].values())
    assert grid(4.0).tolist() == list(map(float, theirs["amos"]))


def test_every_study_has_the_trial_that_the_reference_scorer_chose():
    results = golden.results()
    chosen = [dict(zip(golden.expected()["choices_columns"], row, strict=True))
              for row in golden.expected()["choices"]]  # fmt: skip
    checked = 0
    for entry in chosen:
        key = results.rules.split(entry["workload"])
        assert key is not None
        study = int(entry["study"].removeprefix("study_"))
        trials = [t for t in results.of(entry["submission"], *key) if t.id.study == study]
        if not trials:
            continue
        theirs, ours = choose(trials, ALGOPERF_SCORER), choose(trials, WRITTEN_RULES)
        for trial, prefix in ((theirs, "peer"), (ours, "fastest")):
            found = trial and trial.reached and (trial.id.trial, trial.reached.seconds)
            wanted = (entry[f"{prefix}_trial"], entry[f"{prefix}_time"])
            assert found == (None if wanted[0] is None else wanted)
        checked += 1
    assert checked == len(chosen)


def test_quirks_are_as_often_as_counted_before():
    counts = golden.expected()["quirk_counts"]
    slower = [slowdown for *_, slowdown in slower_choices(golden.results())]
    assert len(slower) == counts["groups_where_a_faster_trial_existed"]
    assert max(slower) == pytest.approx(counts["max_relative_slowdown"])
    assert np.median(slower) == pytest.approx(counts["median_relative_slowdown"])


def test_differences_are_computed_one_by_one():
    found = {entry.name: entry.changes for entry in differences(golden.results())}
    assert set(found["fastest_trial"]) == {"lawa_ema", "schedule_free_adamw"}
    assert set(found["exact_integral"]) == set(golden.results().submissions) - {
        "schedule_free_prodigy"
    }
    for name in ("missing_studies_count", "enforce_budget", "own_losses_first"):
        assert found[name] == {}


def test_written_rules_give_the_fastest_trials_exact_integral():
    found = {line.submission: line.score for line in score(golden.results(), resamples=0).standings}
    theirs = golden.expected()["scores"]["fastest_trial_exact_integral"]
    assert found == pytest.approx(theirs, abs=1e-12)
