"""Where a study stands is read from sound evidence only, and every refusal names the place."""

from __future__ import annotations

import contextlib
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kit.contracts.trial_id import TrialId
from kit.errors import TrialError, UsageError, VerificationError
from kit.records.folders import attempt_folder, only_run_at
from kit.records.ledger import LEDGER
from kit.records.ledger_entry import Identification
from kit.records.record import TrialState
from kit.records.signing import load_or_create_key
from kit.rules.source_digest import digest_files
from kit.study.evidence import Evidence
from kit.study.measures import measures_of
from kit.study.owed import Phase
from tests.records.factory import ENVIRONMENT
from tests.study.conftest import CODE, RULESET, Books, Place

TRIAL = TrialId("sprint", "racer", "mnist", None, 1, 1)


@pytest.fixture
def books(place: Place) -> Books:
    return Books(place)


def board(place: Place, **options: bool):
    return place.evidence().board(**options)


def test_results_are_read_with_all_attempts(place: Place, books: Books) -> None:
    books.enter(state=TrialState.INTERRUPTED)
    second = books.enter(attempt=2)
    books.enter(trial=2, state=TrialState.FAILED)
    first, failed, *others = board(place).standings
    assert [attempt.state for attempt in first.attempts] == ["interrupted", "target_reached"]
    assert first.decided is not None
    result = first.decided.result
    assert result is not None
    assert result.time_to_target_seconds == second.record.time_to_target_seconds
    assert result.unofficial_reasons == ("it was made up",)
    assert Path(result.folder) == attempt_folder(place.results / TRIAL.folder, 2)
    assert failed.is_forfeited
    assert {standing.phase for standing in others} == {Phase.OWED}


def test_nothing_is_there_yet(place: Place) -> None:
    evidence = place.evidence()
    evidence.recover()
    assert len(evidence.board().owed) == 4
    assert not (place.results / LEDGER).exists()


def test_a_record_whose_end_a_kill_left_out_is_entered_and_finishes_the_trial(
    place: Place, books: Books
) -> None:
    trial = books.trial()
    books.start(trial.record)
    books.write(trial, books.assignment.submission.contents)
    with pytest.raises(
        VerificationError, match=r"trial_1/ledger\.jsonl: .* has a start but no end"
    ):
        board(place)
    assert len(board(place, while_running=True).owed) == 4
    evidence = place.evidence()
    evidence.recover()
    assert evidence.board().standings[0].phase is Phase.DONE


def test_a_trial_that_runs_now_is_left_alone(place: Place, books: Books) -> None:
    books.start(books.trial().record)
    evidence = place.evidence()
    evidence.patience_seconds = 0.2
    with (
        only_run_at(place.results, TRIAL.folder, str(TRIAL)),
        pytest.raises(TrialError, match="is already running"),
    ):
        evidence.recover()


def test_a_trial_that_was_killed_just_now_is_waited_for(place: Place, books: Books) -> None:
    books.start(books.trial().record)
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_run_at(place.results, TRIAL.folder, str(TRIAL)))
        timer = threading.Timer(0.3, stack.close)
        timer.start()
        place.evidence().recover()
        timer.join()


def test_a_torn_last_line_is_moved_away(place: Place, books: Books) -> None:
    books.enter()
    with (place.results / LEDGER).open("ab") as file:
        file.write(b'{"index":')
    with pytest.raises(VerificationError, match=r"ledger\.jsonl: line 6: .*incomplete"):
        board(place)
    place.evidence().recover()
    assert board(place).standings[0].phase is Phase.DONE
    assert (place.results / "ledger.torn-1").read_bytes() == b'{"index":'


@pytest.mark.parametrize("name", ["trial.json", "evaluations.csv", "submission.tar.gz"])
def test_a_damaged_record_is_refused_by_name(place: Place, books: Books, name: str) -> None:
    books.enter(study=2)
    path = place.results / replace(TRIAL, study=2).folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(VerificationError, match=rf"study_2/trial_1/{name}.* restore the folder"):
        board(place)


def test_a_missing_record_is_refused_by_name(place: Place, books: Books) -> None:
    books.enter()
    shutil.rmtree(place.results / TRIAL.folder)
    with pytest.raises(VerificationError, match=r"study_1/trial_1: the ledger lists this record"):
        board(place)


def test_a_record_that_the_ledger_does_not_know_is_refused(place: Place, books: Books) -> None:
    books.enter()
    known, unknown = (place.results / replace(TRIAL, trial=number).folder for number in (1, 2))
    shutil.copytree(known, unknown)
    shutil.rmtree(known)
    with pytest.raises(VerificationError, match=r"study_1/trial_1: the ledger lists|trial_2"):
        board(place)


def test_an_edited_ledger_is_refused_by_its_line(place: Place, books: Books) -> None:
    books.enter()
    path = place.results / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    with pytest.raises(VerificationError, match=r"ledger\.jsonl: line 3: .*restore the ledger"):
        board(place)


def test_another_submission_under_the_same_name_is_refused(place: Place, books: Books) -> None:
    books.enter()
    (place.submission / "submission.py").write_text(CODE + "# other\n")
    now = digest_files({p.name: p.read_bytes() for p in place.submission.iterdir()})[:12]
    message = (
        r"Submission 'racer' is not the one that began this study: sprint: racer, mnist, study 1, "
        rf"trial 1, attempt 1 was started with .{{12}}…, now it is {now}…\. Restore its files"
    )
    with pytest.raises(UsageError, match=message):
        board(place)


def test_another_ruleset_under_the_same_name_is_refused(place: Place, books: Books) -> None:
    books.enter()
    changed = place.root / "sprint.yaml"
    changed.write_text(
        RULESET.read_text().replace("max_runtime_seconds: 10", "max_runtime_seconds: 9")
    )
    with pytest.raises(UsageError, match="Ruleset 'sprint' is not the one that began this study"):
        place.evidence(ruleset=changed).board()


def test_another_key_is_refused_because_seeds_and_points_derive_from_it(
    place: Place, books: Books
) -> None:
    books.enter()
    other = load_or_create_key(place.root / "other")
    evidence = Evidence(books.assignment, place.results, other)
    with pytest.raises(UsageError, match=r"The key is not the one .* first one with STOPWATCH_KEY"):
        evidence.board()


def test_what_belongs_to_others_does_not_matter(place: Place, books: Books) -> None:
    stranger = books.trial(submission="other", submission_sha256="ab" * 32)
    books.ledger.start(Identification.of(stranger.record), books.key)
    beyond = books.trial(trial=3)
    books.ledger.start(Identification.of(beyond.record), books.key)
    assert not any(standing.attempts for standing in board(place).standings)


def test_measures_are_those_of_this_machine_and_of_this_submission_first(
    place: Place, books: Books
) -> None:
    books.enter()
    books.enter(trial=2, state=TrialState.FAILED)
    here = dict(ENVIRONMENT)
    (measure,) = measures_of(place.results, books.assignment, here)["mnist"]
    record = books.trial().record
    assert measure.submission_seconds == record.submission_seconds
    assert measure.total_seconds == record.segments[-1].end_ns / 1e9
    there = {**here, "cpu": "another processor", "cpu_cores": 64}
    assert measures_of(place.results, books.assignment, there) == {"mnist": []}
