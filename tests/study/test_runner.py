"""A study goes on after whatever ended it, repeats nothing finished and loses nothing."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

from kit.errors import TrialError, UsageError
from kit.records.record import TrialState
from kit.study.owed import Board, Phase
from kit.study.runner import run_study
from kit.study.scheduling import Done, InOrder, Run
from tests.study.conftest import (
    CODE,
    Books,
    NoSignals,
    Place,
    Told,
    untrained_executor,
    write_racer,
)

ALL = [(1, 1), (1, 2), (2, 1), (2, 2)]


class Pressed:
    """Ctrl-C, pressed when told."""

    def __init__(self) -> None:
        self.count = 0

    def received(self) -> str | None:
        return "SIGINT" if self.count else None


def decided(board: Board) -> dict[tuple[int, int], TrialState | None]:
    return {
        (s.id.study, s.id.trial): s.decided.state if s.decided else None for s in board.standings
    }


def test_a_study_runs_all_in_order_and_again_nothing(place: Place) -> None:
    told = Told()
    board = place.run(told)
    assert told.started_trials() == [(*trial, 1) for trial in ALL]
    assert set(decided(board).values()) == {TrialState.TARGET_REACHED}
    assert next(what for what, _ in told.heard) == "begun"
    assert {fields["event"] for what, fields in told.heard if what == "event"} >= {"started"}
    place.verify()
    again = Told()
    assert place.run(again) == board
    assert again.started_trials() == []


def test_trials_run_at_once_as_far_as_the_executor_takes_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECONDS", "1.5")
    told = Told()
    board = place.run(told, capacity=2)
    assert set(decided(board).values()) == {TrialState.TARGET_REACHED}
    ends = [i for i, (what, _) in enumerate(told.heard) if what == "ended"]
    starts = [i for i, (what, _) in enumerate(told.heard) if what == "started"]
    assert starts[1] < ends[0], "the second starts while the first one runs"
    assert starts[2] > ends[0], "the third waits for an end"
    place.verify()


def test_a_scheduler_sees_the_trials_that_run(place: Place) -> None:
    seen: list[list[Phase]] = []

    class Looking(InOrder):
        def next_decision(self, board: Board) -> Run | Done:
            seen.append([standing.phase for standing in board.standings])
            return super().next_decision(board)

    with untrained_executor(2) as executor:
        study = place.study(Looking(), executor, studies=[1])
        run_study(study, observer=Told(), signals=NoSignals())
    assert seen[:2] == [[Phase.OWED, Phase.OWED], [Phase.RUNNING, Phase.OWED]]


def test_failures_are_results_and_are_not_repeated(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE", "target_reached 1.1=failed 1.2=rule_violation")
    board = place.run(studies=[1])
    assert decided(board)[1, 1] is TrialState.FAILED
    assert decided(board)[1, 2] is TrialState.RULE_VIOLATION
    again = Told()
    place.run(again, studies=[1])
    assert again.started_trials() == []


def test_a_trial_that_dies_without_a_word_is_repeated_and_then_given_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH", "training")
    told = Told()
    board = place.run(told, studies=[2])
    assert told.started_trials() == [(2, 1, 1), (2, 1, 2), (2, 2, 1), (2, 2, 2)]
    assert {standing.phase for standing in board.standings} == {Phase.GIVEN_UP}
    place.verify()


def test_a_trial_that_dies_during_set_up_stops_the_study_and_uses_nothing_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH", "setup")
    for _ in range(3):
        with pytest.raises(TrialError, match=r"was not the submission's to end: .* status 7"):
            place.run(studies=[2])
    monkeypatch.delenv("CRASH")
    told = Told()
    place.run(told, studies=[2])
    assert told.started_trials() == [(2, 1, 4), (2, 2, 1)]
    reasons = place.records()[2, 1, 4].unofficial_reasons
    assert not any("attempt" in reason for reason in reasons), reasons
    place.verify()


def test_ctrl_c_ends_the_trial_in_order_and_the_same_command_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressed = Pressed()
    monkeypatch.setenv("SECONDS", "30")

    def press(what: str, detail: object) -> None:
        if what == "event" and detail["event"] == "progress":  # type: ignore[index]
            pressed.count = 1

    board = place.run(Told(when=press), pressed, studies=[1])
    (standing, *others) = board.standings
    assert [attempt.state for attempt in standing.attempts] == [TrialState.INTERRUPTED]
    assert standing.attempts[0].result is not None, "an orderly end leaves a record"
    assert not any(other.attempts for other in others)
    monkeypatch.setenv("SECONDS", "0.05")
    told = Told()
    place.run(told, studies=[1])
    assert told.started_trials() == [(1, 1, 2), (1, 2, 1)]
    first, second = place.records()[1, 1, 1], place.records()[1, 1, 2]
    assert first.seeds == second.seeds
    assert first.hyperparameters == second.hyperparameters
    place.verify()


def test_a_trial_that_a_kill_cut_off_after_its_record_is_not_repeated(place: Place) -> None:
    books = Books(place)
    trial = books.trial()
    books.start(trial.record)
    books.write(trial, books.assignment.submission.contents)
    told = Told()
    place.run(told, studies=[1])
    assert told.started_trials() == [(1, 2, 1)]
    assert [attempt.state for attempt in place.attempts()] == [TrialState.TARGET_REACHED] * 2


def test_a_machine_that_fails_stops_the_study_before_all_attempts_are_used_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FULL", "1")
    message = r"study 1, trial 1, attempt 1, was not the submission's .* No space left on the disk"
    with pytest.raises(TrialError, match=message):
        place.run()
    assert len(place.attempts()) == 1
    monkeypatch.delenv("FULL")
    told = Told()
    place.run(told, studies=[1])
    assert told.started_trials() == [(1, 1, 2), (1, 2, 1)]


def test_a_trial_that_cannot_be_started_ends_the_study_with_its_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOPWATCH_DATA", str(place.root / "a_file"))
    (place.root / "a_file").write_text("")
    with pytest.raises((TrialError, UsageError), match="study 1, trial 1 could not be started: "):
        place.run()
    assert place.attempts() == []


def test_two_studies_at_once_are_refused(place: Place) -> None:
    def second(what: str, detail: object) -> None:
        if what == "begun":
            message = "A study of racer under ruleset sprint is already running below"
            with pytest.raises(TrialError, match=message):
                place.run()
            raise RuntimeError("seen")

    with pytest.raises(RuntimeError, match="seen"):
        place.run(Told(when=second))


def test_a_submission_edited_while_its_study_runs_spoils_nothing(place: Place) -> None:
    def edit(what: str, detail: object) -> None:
        if what == "ended":
            (place.submission / "submission.py").write_text(CODE + "# something else\n")

    with pytest.raises(UsageError, match=r"Submission 'racer' was changed while its study runs"):
        place.run(Told(when=edit))
    assert len(place.attempts()) == 1


def test_a_scheduler_may_end_a_study_and_may_not_repeat_a_trial(place: Place) -> None:
    class FirstTwice:
        def next_decision(self, board: Board) -> Run | Done:
            return Run(board.standings[0].id)

    class Never:
        def next_decision(self, board: Board) -> Run | Done:
            return Done()

    board = run_study(place.study(Never()), observer=Told(), signals=NoSignals())
    assert len(board.owed) == 4
    with pytest.raises(ValueError, match="which is not owed"):
        run_study(place.study(FirstTwice()), observer=Told(), signals=NoSignals())
    assert len(place.attempts()) == 1


STUDY = """
from pathlib import Path
from tests.study.conftest import Place, Told
def tell(what, detail): print(what, flush=True)
Place(Path({root!r})).run(Told(when=tell))
"""


def begin(place: Place) -> subprocess.Popen[bytes]:
    """Start the study in a process of its own, which says what happens."""
    return subprocess.Popen(
        [sys.executable, "-c", STUDY.format(root=str(place.root))],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_until_all_is_done(place: Place, moments: random.Random) -> int:
    """Kill the study's process at random moments until one comes to the end; count the kills."""
    kills = 0
    while True:
        with begin(place) as process:
            try:
                status = process.wait(moments.uniform(0, 6))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            else:
                assert status == 0
                return kills


def check_history(place: Place) -> None:
    """Check that every trial came to one end, by its own seeds, and that nothing is hidden."""
    place.verify()
    board = place.evidence().board()
    assert board.owed == ()
    by_slot: dict[object, list[TrialState | None]] = {}
    commitments: dict[object, set[str]] = {}
    for attempt in place.attempts():
        which = attempt.identification
        if not attempt.tried.is_free:
            by_slot.setdefault(which.folder, []).append(attempt.state)
        commitments.setdefault(which.folder, set()).add(which.seed_commitment)
    assert len(by_slot) == len(ALL)
    for trial_id, states in by_slot.items():
        assert len(states) <= 2, (trial_id, states)
        assert all(state in (None, TrialState.INTERRUPTED) for state in states[:-1]), states
        assert len(commitments[trial_id]) == 1, "an attempt had other seeds"
    points: dict[object, set[str]] = {}
    for record in place.records().values():
        key = (record.study, record.trial)
        points.setdefault(key, set()).add(str(record.hyperparameters))
    assert all(len(different) == 1 for different in points.values())


def test_kill_at_random_moments_and_resume(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDS", "0.2")
    kill_until_all_is_done(place, random.Random(1))
    check_history(place)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_kills_at_random_moments(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECONDS", "0.2")
    moments, kills = random.Random(100), 0
    for number in itertools.count():
        another = Place(place.root / str(number))
        write_racer(another.submission)
        kills += kill_until_all_is_done(another, moments)
        check_history(another)
        if kills >= 50:
            return
