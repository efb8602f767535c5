"""Our own records: verified first, one deciding attempt for each trial."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError, VerificationError
from kit.records.record import StopReason, TrialState
from kit.scoring.leaderboard import score
from kit.scoring.reading.load import Request, find_form, load
from tests.records.factory import LOG, Results, make_trial
from tests.scoring.reading.records_factory import FIXED, rules_record, ruleset_file, run, source

SLOT = TrialId("example", "first", "mnist", None, 1, 1)


@pytest.fixture
def ruleset(tmp_path: Path) -> Path:
    return ruleset_file(tmp_path)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path)


def read(results, ruleset, **options):
    trusted = options.pop("trusted", [results.key.public])
    paths = options.pop("paths", [results.root])
    return load(Request(paths=paths, ruleset=str(ruleset), trusted=trusted, **options))


def test_records_become_trials(results, ruleset):
    for study in (1, 2):
        for trial in (1, 2):
            run(results, ruleset, "first", study=study, trial=trial)
    run(results, ruleset, "second", state=TrialState.OUT_OF_TIME)
    loaded = read(results, ruleset)
    assert (loaded.form, loaded.verified, loaded.tuning) == ("records", True, "external")
    outcome = loaded.results.trials[SLOT].outcome
    assert (outcome.lowest, outcome.is_exact) == (6.01234567, True)
    assert (
        loaded.results.trials[TrialId("example", "second", "mnist", None, 1, 1)].state
        == "out_of_time"
    )
    scores = {line.submission: line.score for line in score(loaded.results).standings}
    assert scores == {"first": 1.0, "second": 0.0}
    missing = [(m.submission, m.study, m.trials) for m in loaded.results.missing()]
    assert missing == [("second", 1, (2,)), ("second", 2, (1, 2))]


def test_an_evaluation_that_cannot_reach_by_its_schedule_does_not_count(results, ruleset):
    trial = run(results, ruleset, "first", values=(0.95, 0.1, 0.96))
    (result,) = read(results, ruleset).results.trials.values()
    assert result.outcome.lowest == trial.evaluations[2].submission_seconds


def test_edited_file_is_refused_or_marked(results, ruleset):
    run(results, ruleset, "first")
    (log,) = results.root.rglob("log.txt")
    log.write_bytes(LOG + b"more")
    with pytest.raises(VerificationError, match=r"log\.txt: The file was changed.*--unverified"):
        read(results, ruleset)
    loaded = read(results, ruleset, unverified=True)
    assert loaded.verified is False
    assert any(notice.startswith("UNVERIFIED: ") for notice in loaded.notices)
    assert SLOT in loaded.results.trials


def test_foreign_key_is_refused_only_where_keys_are_asked_for(results, ruleset):
    run(results, ruleset, "first")
    loaded = read(results, ruleset, trusted=[])
    key = results.key.public.hex
    assert f"1 record is not signed by a key that you know: {key} (1)." in loaded.notices
    with pytest.raises(VerificationError, match="Unknown key"):
        read(results, ruleset, trusted=[], must_trust=True)


def test_record_that_vanished_counts_as_missed_and_is_named(results, ruleset):
    run(results, ruleset, "first", trial=1)
    run(results, ruleset, "first", trial=2)
    shutil.rmtree(results.root / "example" / "first" / "mnist" / "study_1" / "trial_1")
    loaded = read(results, ruleset)
    assert SLOT not in loaded.results.trials
    assert any("ended as target_reached, and its record is not here" in n for n in loaded.notices)
    assert (loaded.results.missing()[0].study, loaded.results.missing()[0].trials) == (1, (1,))


def test_submission_whose_records_are_all_gone_takes_part(results, ruleset):
    run(results, ruleset, "first")
    run(results, ruleset, "second")
    shutil.rmtree(results.root / "example" / "second")
    loaded = read(results, ruleset)
    assert loaded.results.submissions == ("first", "second")


def test_interrupted_attempt_may_be_repeated(results, ruleset):
    run(results, ruleset, "first", state=TrialState.INTERRUPTED)
    assert any("was interrupted and was not repeated" in n for n in read(results, ruleset).notices)
    run(results, ruleset, "first", attempt=2)
    loaded = read(results, ruleset)
    assert loaded.results.trials[SLOT].state == "target_reached"


def test_start_without_an_end_counts_as_missed_and_is_named(results, ruleset):
    run(results, ruleset, "first", trial=2)
    from kit.rules.ruleset import load_ruleset

    rules = rules_record(load_ruleset(ruleset))
    results.start(make_trial(submission="first", rules=rules).record)
    loaded = read(results, ruleset)
    assert any("attempt 1: has no end and was not repeated" in n for n in loaded.notices)
    assert SLOT not in loaded.results.trials


def test_first_result_counts_when_a_trial_was_repeated(results, ruleset):
    run(results, ruleset, "first", state=TrialState.OUT_OF_TIME)
    run(results, ruleset, "first", attempt=2, official=False, unofficial_reasons=["repeated"])
    loaded = read(results, ruleset)
    assert loaded.results.trials[SLOT].state == "out_of_time"
    assert any("repeated after a result; the first result counts" in n for n in loaded.notices)


def test_attempts_beyond_the_rules_do_not_count(results, ruleset):
    for attempt in (1, 2):
        run(results, ruleset, "first", state=TrialState.INTERRUPTED, attempt=attempt)
    run(results, ruleset, "first", attempt=3, official=False, unofficial_reasons=["too many"])
    loaded = read(results, ruleset)
    assert SLOT not in loaded.results.trials
    assert any("more than 2 attempts; it does not count" in n for n in loaded.notices)


def test_violation_that_reached_the_target_is_a_miss(results, ruleset):
    values = (0.1, 0.95)
    run(results, ruleset, "first", state=TrialState.RULE_VIOLATION, values=values)
    trial = read(results, ruleset).results.trials[SLOT]
    assert (trial.outcome.highest, trial.state) == (float("inf"), "rule_violation")


def test_stopped_trial_keeps_the_reasons_of_its_record(results, ruleset):
    reason = StopReason(rule="slower than the study's best", evidence=["ab" * 32])
    run(results, ruleset, "first", state=TrialState.STOPPED_EARLY, stop_reasons=[reason])
    outcome = read(results, ruleset).results.trials[SLOT].outcome
    assert not outcome.is_exact
    assert outcome.reasons == ("slower than the study's best",)


def test_other_versions_of_the_ruleset_are_refused(results, ruleset):
    run(results, ruleset, "first")
    ruleset.write_text(ruleset.read_text() + "# edited\n")
    with pytest.raises(UsageError, match=r"different versions of ruleset example"):
        read(results, ruleset)


def test_other_rulesets_are_left_out_or_refused(results, ruleset):
    run(results, ruleset, "first")
    rules = make_trial().record.rules.model_copy(update={"ruleset": "other"})
    results.run(make_trial(rules=rules, official=False, unofficial_reasons=["other"]))
    loaded = read(results, ruleset)
    assert "Left out: 1 trials under ruleset 'other'." in loaded.notices
    with pytest.raises(UsageError, match=r"records of 2 rulesets. Choose one with --ruleset"):
        load(Request(paths=[results.root], trusted=[results.key.public]))


def test_self_tuning_has_a_leaderboard_of_its_own(results, ruleset):
    run(results, ruleset, "first")
    run(results, ruleset, "second", tuning=FIXED, official=False, unofficial_reasons=["budget"])
    with pytest.raises(UsageError, match=r"first \(external\), second \(self-tuning\)"):
        read(results, ruleset)
    loaded = read(results, ruleset, tuning="self-tuning")
    assert loaded.results.submissions == ("second",)
    assert "Left out: first: not self-tuning." in loaded.notices


def test_same_trial_from_two_folders_is_refused(results, ruleset, tmp_path):
    run(results, ruleset, "first")
    copy = tmp_path / "copy"
    shutil.copytree(results.root, copy)
    with pytest.raises(UsageError, match=r"The same trial is in .* first, mnist, study 1, trial 1"):
        read(results, ruleset, paths=[results.root, copy])


def test_unofficial_trials_are_named(results, ruleset):
    run(
        results, ruleset, "first", official=False, unofficial_reasons=["the seed was given by hand"]
    )
    assert (
        "1 of 1 trials are not official: the seed was given by hand (1)."
        in read(results, ruleset).notices
    )


def test_mixed_isolation_is_flagged_beside_the_submissions(results, ruleset):
    run(results, ruleset, "first")
    run(results, ruleset, "second", isolation="bubblewrap")
    loaded = read(results, ruleset)
    assert "Not comparable without care: isolation differ: bubblewrap; process." in loaded.notices
    assert loaded.remarks == {
        "first": ["isolation: process"],
        "second": ["isolation: bubblewrap"],
    }


def test_forms_are_found_by_looking(results, ruleset, tmp_path):
    run(results, ruleset, "first")
    assert find_form(results.root) == "records"
    assert find_form(results.root / "example" / "first") == "records"
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"nothing to score here. Give one of: a folder with rec"):
        find_form(tmp_path / "empty")
    with pytest.raises(UsageError, match=r"no such file or folder"):
        find_form(tmp_path / "gone")


def test_source_names_the_submission():
    assert b"name: first" in source("first")["submission.yaml"]
