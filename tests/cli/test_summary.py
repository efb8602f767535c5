"""The end of a trial as a stranger reads it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from kit.cli.views.concerns import concerns
from kit.cli.views.layout import shown_path
from kit.cli.views.summary import as_json, summarize
from kit.records.record import Failure, TrialState
from tests.cli import fabricated

MISSED = {"time_to_target_seconds": None}


def text(outcome, *, width=80, quick=False):
    summary = summarize(
        outcome, request=fabricated.REQUEST, directory=fabricated.PROJECT, quick=quick
    )
    return summary.text(width)


def flat(outcome, **options):
    return " ".join(text(outcome, **options).split())


def test_verdict_comes_first_with_seconds_and_steps():
    first = text(fabricated.outcome()).splitlines()[0]
    assert first == "Target reached after 12.4 s of submission time and 1,290 reported steps."


@pytest.mark.parametrize(
    "phrase",
    [
        "validation accuracy 0.9530; the target is ≥ 0.9500",
        "bubblewrap: no network, read-only system, key and evaluation data hidden",
        "12.4 s of a budget of 60.0 s, 2.30 s of it compilation (19%)",
        "4 evaluations took 2.00 s off the clock (9% of the trial's 21.4 s in all)",
        "the trainer used up to 812 MB",
        "results/mini/nadamw/mnist/study_1/trial_1",
        "development key: fine for your own use, not for a leaderboard",
        "it would be official if an organiser's key had signed it",
        "K7QF-2M4P",
        "learning_rate=0.002",
    ],
)
def test_summary_says(phrase):
    assert phrase in flat(fabricated.outcome())


def test_verification_command_is_one_line_that_can_be_copied():
    lines = text(fabricated.outcome(), width=40).splitlines()
    command = next(line for line in lines if " verify " in line)
    assert command.endswith("kit verify results/mini/nadamw/mnist/study_1/trial_1")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("state", list(TrialState))
def test_no_prose_is_wider_than_the_terminal(state, width):
    for line in text(fabricated.outcome(state=state), width=width).splitlines():
        assert len(line) <= width or line.startswith("    ")


def test_numbers_are_not_torn_from_their_units():
    for width in range(60, 121):
        lines = text(fabricated.outcome(), width=width).splitlines()
        assert not any(line.strip().startswith(("s ", "GB", "MB")) for line in lines)


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        (TrialState.OUT_OF_TIME, "Target missed: out of time"),
        (TrialState.COMPLETED_WITHOUT_TARGET, "Target missed: the submission ended by itself"),
        (TrialState.STOPPED_EARLY, "Stopped early"),
        (TrialState.FAILED, "The trial failed"),
        (TrialState.RULE_VIOLATION, "Rule violation"),
        (TrialState.INTERRUPTED, "Interrupted"),
    ],
)
def test_every_other_end_is_named(state, headline):
    outcome = fabricated.outcome(state=state, reason="Because of the moon.", **MISSED)
    assert text(outcome).startswith(headline)
    assert not summarize(outcome, request=fabricated.REQUEST, directory=fabricated.PROJECT).good
    if state is not TrialState.OUT_OF_TIME:
        assert "Because of the moon." in text(outcome)


def test_miss_tells_the_last_and_the_best_value():
    evaluations = (
        fabricated.evaluation(1, 1, 3.0, 0.10),
        fabricated.evaluation(2, 500, 9.0, 0.94),
        fabricated.evaluation(3, 900, 15.0, 0.93),
    )
    outcome = fabricated.outcome(evaluations, state=TrialState.OUT_OF_TIME, **MISSED)
    assert "0.9300 at the end, 0.9400 at best; the target is ≥ 0.9500" in flat(outcome)


def test_failure_shows_the_end_of_the_traceback_and_what_to_do():
    trace = "\n".join(["Traceback (most recent call last):", *map(str, range(30)), "ValueError: x"])
    outcome = fabricated.outcome(
        (), state=TrialState.FAILED, failure=Failure(traceback=trace, exit_status="exit status 1"),
        **MISSED,
    )  # fmt: skip
    shown = text(outcome)
    assert "    ValueError: x" in shown
    assert "    29\n" in shown
    assert "    5\n" not in shown
    assert "ended with exit status 1" in shown
    assert "kit run --workload mnist --submission nadamw --inline" in shown
    assert "trial_1/log.txt" in shown
    assert "was never measured" in shown


def test_failure_in_one_process_names_no_log_and_no_other_way_to_debug():
    failure = Failure(traceback="ValueError: x", exit_status="no exit status")
    outcome = fabricated.outcome(
        (), state=TrialState.FAILED, failure=failure, isolation="inline", **MISSED
    )
    shown = text(outcome)
    assert "ValueError: x" in shown
    assert "--inline" not in shown
    assert "log.txt" not in shown


def test_unofficial_result_says_why():
    outcome = fabricated.outcome(official=False, unofficial_reasons=["seed given by hand", "x"])
    assert "not official: seed given by hand; x" in flat(outcome)


def test_organisers_key_makes_it_official_without_a_caveat():
    shown = flat(fabricated.outcome(key_name="algoperf-2026"))
    assert "official: this attempt counts under ruleset 'mini'" in shown
    assert "leaderboard" not in shown


def test_unsigned_record_is_not_offered_for_verification():
    shown = text(fabricated.outcome(attested=False))
    assert "could not be signed" in shown
    assert "kit verify results" not in shown


def test_quick_check_says_what_would_be_flagged_and_how_to_go_on():
    broken = (
        fabricated.evaluation(1, 1, 3.0, 0.10),
        fabricated.evaluation(2, 40, 5.0, 0.09, finite=False),
    )
    outcome = fabricated.outcome(
        broken, state=TrialState.COMPLETED_WITHOUT_TARGET, official=False,
        unofficial_reasons=["--quick"], steps=40, submission_seconds=5.2, **MISSED,
    )  # fmt: skip
    shown = flat(outcome, quick=True)
    assert shown.startswith("Quick check: the submission ran 40 reported steps in 5.20 s")
    assert "not official: --quick" in shown
    assert "NaN or infinite by reported step 40: lower the learning rate" in shown
    assert "did not improve" in shown
    assert "kit run --workload mnist --submission nadamw" in shown


def test_quick_check_without_concerns_says_so():
    outcome = fabricated.outcome(state=TrialState.COMPLETED_WITHOUT_TARGET, **MISSED)
    assert "nothing, as far as a check this short can tell" in flat(outcome, quick=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"due_ns": 1_000_000_000}, "yielded up to 5.20 s after an evaluation was due"),
        ({"pause_cpu_seconds": 0.5}, "used 0.50 s of CPU time while it should stand still"),
        ({"distance_from_initial": 0.0}, "still the initial ones"),
        ({"finite": False}, "NaN or infinite by reported step 420"),
    ],
)
def test_concerns_are_raised(changes, sentence):
    second = fabricated.evaluation(2, 420, 6.2, 0.8760, **changes)
    outcome = fabricated.outcome((fabricated.EVALUATIONS[0], second))
    assert any(sentence in concern for concern in concerns(outcome))


def test_good_trial_raises_no_concern():
    assert concerns(fabricated.outcome()) == []


def test_late_first_evaluation_is_no_concern_because_it_includes_compilation():
    first = fabricated.evaluation(1, 1, 30.0, 0.1, due_ns=0)
    second = fabricated.evaluation(2, 420, 36.2, 0.8760)
    assert concerns(fabricated.outcome((first, second))) == []


def test_json_is_strict_and_complete():
    evaluations = (fabricated.evaluation(1, 1, 3.0, math.nan),)
    outcome = fabricated.outcome(evaluations, state=TrialState.OUT_OF_TIME, **MISSED)
    body = json.loads(json.dumps(as_json(outcome), allow_nan=False))
    assert body["state"] == "out_of_time"
    assert body["target_reached"] is False
    assert body["time_to_target_seconds"] is None
    assert body["verdict_code"] == "K7QF-2M4P"
    assert body["folder"] == str(fabricated.FOLDER)
    assert body["evaluations"][0]["metrics"]["validation/accuracy"] == "nan"
    assert body["trial"]["seeds"]["data"] == 2


def test_paths_are_as_a_user_would_type_them():
    assert shown_path(Path("/a/b/c"), Path("/a")) == "b/c"
    assert shown_path(Path("/a/b/c"), Path("/x/y/z")) == "/a/b/c"
