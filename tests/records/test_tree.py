"""Verification of a results folder: records and ledger account for each other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kit.records.findings import TreeReport
from kit.records.ledger_entry import Identification
from kit.records.record import StopReason, TrialState
from kit.records.recovery import enter_missing_end
from kit.records.signing import create_key
from kit.records.tree import holds_evidence, verify_tree
from kit.records.verify import verify_record
from tests.records.factory import Results, make_trial


def told(report: TreeReport, status: str = "problem") -> list[str]:
    return [f"{f.file}: {f.sentence}" for f in report.findings if f.status == status]


def test_sound_results_folder(results: Results) -> None:
    for number in (1, 2):
        results.run(make_trial(trial=number))
    report = verify_tree(results.root, trusted=[results.key.public])
    assert report.ok
    assert [record.path.name for record in report.records] == ["trial_1", "trial_2"]
    assert told(report, "note") == []


def test_altered_record_is_found_among_others(results: Results) -> None:
    folders = [results.run(make_trial(trial=number)).folder for number in (1, 2, 3)]
    (folders[1] / "log.txt").write_bytes(b"")
    report = verify_tree(results.root)
    assert not report.ok
    assert [record.path for record in report.records if not record.ok] == [folders[1]]


def test_started_attempt_without_an_end_is_listed(results: Results) -> None:
    results.run(make_trial())
    results.start(make_trial(trial=2).record)
    report = verify_tree(results.root)
    assert report.ok
    assert told(report, "note") == [
        "ledger.jsonl: example: example, mnist, study 1, trial 2, attempt 1: started, no end. "
        "Unless it still runs, it counts as missed (infinity)."
    ]


def test_missing_record_is_found(results: Results) -> None:
    results.run(make_trial())
    shutil.rmtree(results.run(make_trial(trial=2)).folder)
    report = verify_tree(results.root)
    assert told(report) == [
        "ledger.jsonl: example: example, mnist, study 1, trial 2, attempt 1: ended as "
        "target_reached, but its record is missing or altered."
    ]
    below = verify_tree(results.root / "example" / "example" / "mnist")
    assert below.ok  # a part of the folder need not hold every record


def test_attempt_that_left_no_record_is_listed(results: Results) -> None:
    which = results.start(make_trial().record)
    results.ledger.end(which, TrialState.FAILED, None, results.key)
    report = verify_tree(results.root)
    assert report.ok
    assert "ended as failed and left no record." in told(report, "note")[0]


def test_attempts_that_ended_during_set_up_are_listed(results: Results) -> None:
    for trial, ended in ((1, False), (2, True)):
        which = Identification.of(make_trial(trial=trial).record)
        results.ledger.start(which, results.key)
        if ended:
            results.ledger.end(which, TrialState.INTERRUPTED, None, results.key)
    report = verify_tree(results.root)
    assert report.ok
    notes = told(report, "note")
    assert len(notes) == 2
    assert all("ended during set-up, or still runs; it is not used up." in n for n in notes)


def test_repetition_without_an_interruption_is_listed(results: Results) -> None:
    results.run(make_trial(state=TrialState.OUT_OF_TIME))
    results.run(make_trial(attempt=2, official=False, unofficial_reasons=["repeated"]))
    report = verify_tree(results.root)
    assert report.ok
    assert (
        "attempt 2: repeated although an earlier attempt had finished." in told(report, "note")[0]
    )


def test_copy_of_a_record_is_found(results: Results) -> None:
    folder = results.run(make_trial()).folder
    shutil.copytree(folder, folder.with_name("trial_2"))
    assert "The same attempt is recorded in" in told(verify_tree(results.root))[0]


def test_leftovers_and_links_are_listed_not_followed(results: Results, tmp_path: Path) -> None:
    folder = results.run(make_trial()).folder
    (folder.parent / ".trial_2.abc.writing").mkdir()
    (folder.parent / ".trial_2.abc.writing" / "trial.json").write_text("{")
    (folder.parent / "latest").symlink_to(folder)
    (results.root / "ledger.torn-1").write_bytes(b"{")
    report = verify_tree(results.root)
    assert report.ok
    assert len(report.records) == 1
    assert [text.split(":")[0] for text in told(report, "note")] == [
        "example/example/mnist/study_1/.trial_2.abc.writing",
        "example/example/mnist/study_1/latest",
        "ledger.torn-1",
    ]


def test_broken_ledger_is_told_once_for_the_folder(results: Results) -> None:
    results.run(make_trial())
    results.ledger.path.write_bytes(results.ledger.path.read_bytes()[:-1])
    report = verify_tree(results.root)
    assert not report.ok
    assert told(report) == [
        f"ledger.jsonl: {results.ledger.path}: line 5: the line is incomplete: no newline at its "
        "end."
    ]


def test_results_folder_that_lost_its_ledger_is_a_problem(results: Results) -> None:
    results.run(make_trial())
    results.ledger.path.unlink()
    for path in (results.root, results.root / "example"):
        assert told(verify_tree(path)) == [
            "ledger.jsonl: The results folder has lost its ledger, so nothing tells whether "
            "records are missing or were repeated. Restore ledger.jsonl from a copy."
        ]


def test_records_that_lie_alone_need_no_ledger(results: Results, tmp_path: Path) -> None:
    folder = results.run(make_trial()).folder
    shutil.copytree(folder, tmp_path / "downloads" / "evidence-1")
    report = verify_tree(tmp_path / "downloads")
    assert report.ok
    assert told(report, "note")[-1].startswith("ledger.jsonl: Ledger not seen")


@pytest.mark.parametrize("there", [("second", "mnist", 1, 1), ("first", "mnist", 2, 1)])
def test_swapped_records_are_named(results: Results, there: tuple[str, str, int, int]) -> None:
    """Whole folders that changed places: each record alone is as it was signed."""
    here = ("first", "mnist", 1, 1)
    folders = []
    for submission, _, study, trial in (here, there):
        folders.append(results.run(make_trial(submission=submission, study=study, trial=trial)))
    one, other = (written.folder for written in folders)
    one.rename(one.with_name("aside"))
    other.rename(one)
    one.with_name("aside").rename(other)
    every = [p for entry in verify_tree(results.root).records for p in entry.problems]
    problems = [problem for problem in every if problem.check == "place"]
    assert len(problems) == 2
    lies = "example/first/mnist/study_1/trial_1"
    assert problems[0].sentence == (
        f"This is the record of {there[0]}, mnist, study {there[2]}, trial 1, attempt 1. It "
        f"belongs into example/{there[0]}/mnist/study_{there[2]}/trial_1, and lies in {lies}."
    )


def test_folder_with_evidence_is_recognised(results: Results, tmp_path: Path) -> None:
    results.run(make_trial())
    assert holds_evidence(results.root)
    assert holds_evidence(results.root / "example")
    assert not holds_evidence(results.config)


def test_end_lost_in_a_kill_is_entered_later(results: Results) -> None:
    trial = make_trial()
    results.start(trial.record)
    folder = results.write(trial).folder
    assert enter_missing_end(folder, results.ledger, results.key) is not None
    assert verify_record(folder).ok
    assert verify_tree(results.root).ok
    assert enter_missing_end(folder, results.ledger, results.key) is None


def test_end_is_entered_only_for_a_sound_record_of_this_key(results: Results) -> None:
    trial = make_trial()
    which = results.start(trial.record)
    assert enter_missing_end(results.folder(trial.record), results.ledger, results.key) is None
    folder = results.write(trial).folder
    other = create_key(results.config, "other")
    assert enter_missing_end(folder, results.ledger, other) is None
    (folder / "attestation.json").write_bytes(b"{}\n")
    assert enter_missing_end(folder, results.ledger, results.key) is None
    assert results.ledger.attempts(which)[0].end is None
    assert which == Identification.of(trial.record)


def test_results_that_an_early_stop_rests_on_must_have_been_there_before(results: Results) -> None:
    first = results.run(make_trial(trial=1))
    later = make_trial(trial=3)

    def stopped(trial: int, digest: str) -> list[str]:
        reason = StopReason(rule="slower than the study's best", evidence=[digest])
        written = results.run(
            make_trial(trial=trial, state=TrialState.STOPPED_EARLY, stop_reasons=[reason])
        )
        report = verify_record(written.folder)
        return [f"{f.status}: {f.sentence}" for f in report.findings if f.check == "stop evidence"]

    assert stopped(2, first.envelope_sha256) == [
        "ok: The results that the early stop rests on were entered before the trial started."
    ]
    (unknown,) = stopped(4, "ab" * 32)
    assert unknown.startswith("note: The early stop rests on 1 results that this ledger does not")
    reason = StopReason(rule="slower than the study's best", evidence=["cd" * 32])
    early = make_trial(trial=5, state=TrialState.STOPPED_EARLY, stop_reasons=[reason])
    results.start(early.record)
    after = results.run(later)
    reason.evidence[:] = [after.envelope_sha256]
    report = verify_record(results.write(early).folder)
    (problem,) = [f for f in report.findings if f.check == "stop evidence"]
    assert problem.status == "problem"
    assert f"rests on the result {after.envelope_sha256}, which the ledger enters only" in (
        problem.sentence
    )


def test_a_results_folder_inside_another_is_left_to_its_own_ledger(results: Results) -> None:
    """Such as a comparison below results/compare."""
    results.run(make_trial())
    nested = Results(results.root / "compare")
    nested.run(make_trial(trial=2))
    report = verify_tree(results.root)
    assert report.ok
    assert [record.path.name for record in report.records] == ["trial_1"]
    assert told(report, "note") == [
        "compare/results: A results folder of its own, with its own ledger; verify it by itself."
    ]
    assert len(verify_tree(nested.root).records) == 1


def test_a_ledger_put_beside_a_record_hides_nothing(results: Results) -> None:
    folder = results.run(make_trial()).folder
    (folder.parents[1] / "ledger.jsonl").write_bytes(b"")
    report = verify_tree(results.root)
    assert not report.ok
    assert "its record is missing or altered" in told(report)[0]
