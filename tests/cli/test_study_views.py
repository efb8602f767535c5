"""A study on a terminal, in a log, for a program, and at its end."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from kit.cli.views import study_summary
from kit.cli.views.canvas import Terminal
from kit.cli.views.study_choice import choose_study_view
from kit.cli.views.study_lines import StudyJsonView, StudyPlainView
from kit.cli.views.study_live import StudyLiveView, picture
from kit.cli.views.study_progress import StudyProgress, cell, short_time
from kit.cli.views.study_summary import as_dict, print_summary, shown
from kit.contracts.trial_id import TrialId
from kit.records.record import TrialState
from kit.rules.ruleset import load_ruleset
from kit.scoring.trial import Outcome
from kit.study.assignment import Assignment, Part
from kit.study.owed import Attempt, Board, Result, board_of
from kit.study.scheduling import Run
from tests.study.conftest import RULESET

SUBMISSION: Any = SimpleNamespace(name="racer", sha256="ab" * 32)


def assignment(studies: int = 2, trials: int = 2, remarks: tuple[str, ...] = ()) -> Assignment:
    ruleset = load_ruleset(RULESET)
    rules = ruleset.workloads["mnist"]
    parts = (Part("mnist", None, rules), Part("mnist", "wide", rules))
    return Assignment(
        ruleset, SUBMISSION, "external", parts, tuple(range(1, studies + 1)), trials, remarks
    )


def attempt(number: int, state: TrialState | None, seconds: float = 4.0) -> Attempt:
    if state is None:
        return Attempt(number, None)
    reached = seconds if state is TrialState.TARGET_REACHED else None
    return Attempt(number, state, Result(reached, seconds, seconds, "0" * 64, "/r/t", ("by hand",)))


def trial_id(study: int, trial: int, variant: str | None = None) -> TrialId:
    return TrialId("sprint", "racer", "mnist", variant, study, trial)


def board(of: Assignment) -> Board:
    attempts = {
        trial_id(1, 1): [attempt(1, TrialState.TARGET_REACHED, 4.125)],
        trial_id(1, 2): [attempt(1, TrialState.FAILED)],
        trial_id(2, 1): [attempt(1, None), attempt(2, TrialState.INTERRUPTED)],
        trial_id(2, 2): [attempt(1, TrialState.STOPPED_EARLY, 6.0)],
        trial_id(1, 1, "wide"): [attempt(1, TrialState.INTERRUPTED)],
    }
    return board_of(of.trial_ids(), attempts, 2)


def drawn(progress: StudyProgress, columns: int) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, color_system=None, legacy_windows=False)
    console.print(picture(progress, columns))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= columns
    return [line.strip() for line in lines if line.strip()]


def at(seconds: list[float]):
    return lambda: seconds[0]


def test_every_trial_has_a_cell_and_the_running_one_its_share() -> None:
    clock = [100.0]
    ours = assignment()
    progress = StudyProgress(ours, board(ours), at(clock))
    progress.started(Run(trial_id(1, 1, "wide")), 2)
    clock[0] = 175.0
    fields = {"phase": "training", "step": 1200, "submission_seconds": 2.5}
    progress.event({"event": "progress", **fields})
    progress.event({"event": "evaluated", "metrics": {"validation/accuracy": 0.5}})
    lines = drawn(progress, 80)
    assert lines[0] == "racer · ruleset sprint · 4 of 8 trials finished"
    assert lines[1].split() == ["Workload", "1.1", "1.2", "2.1", "2.2"]
    assert lines[2].split() == ["mnist", "4.12s", "∞", "fail", "∞", "cut", "≥6.00s"]
    assert lines[3].split() == ["mnist_wide", "▸", "25%", "·", "·", "·"]
    assert lines[4:6] == [
        "racer, mnist_wide, study 1, trial 1, attempt 2",
        "training, reported step 1,200, 2.50 s of 10.0 s",
    ]
    assert lines[6] == "validation accuracy 0.5000 (target ≥ 0.6000)"
    assert lines[7] == "elapsed 75.0 s; remaining at most 37.5 s of submission time"


def test_a_narrow_terminal_gets_a_row_for_each_study() -> None:
    ours = assignment(studies=5, trials=5)
    lines = drawn(StudyProgress(ours, board_of(ours.trial_ids(), {}, 2)), 80)
    assert lines[1].split() == ["Workload", "Study", "1", "2", "3", "4", "5"]
    assert [line.split()[0] for line in lines[2:12]] == [
        "mnist", "2", "3", "4", "5", "mnist_wide", "2", "3", "4", "5"
    ]  # fmt: skip


def test_no_cell_is_wider_than_its_column() -> None:
    states = [None, *TrialState]
    for state in states:
        for seconds in (0.001, 99.94, 3599.0, 86_000.0):
            attempts = {trial_id(1, 1): [attempt(1, state, seconds), attempt(2, state, seconds)]}
            assert len(cell(board_of([trial_id(1, 1)], attempts, 2)[trial_id(1, 1)])) <= 7


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.424, "0.42s"), (9.999, "10.0s"), (99.9, "99.9s"), (99.96, "1m40s"), (3599.7, "1h00m"),
     (7500, "2h05m"), (float("inf"), "∞")],
)  # fmt: skip
def test_times_are_short(seconds: float, text: str) -> None:
    assert short_time(seconds) == text


def test_the_live_view_survives_its_terminal() -> None:
    class Gone(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            raise OSError("the terminal is gone")

    ours = assignment(remarks=("something is not built",))
    view = StudyLiveView(Terminal(file=Gone(), force_terminal=True))
    view.begun(ours, board(ours))
    view.started(Run(trial_id(1, 1)), 1)
    view.event(Run(trial_id(1, 1)), {"event": "note", "message": "x"})
    view.ended(Run(trial_id(1, 1)), board(ours))
    view.close()


def test_plain_lines_tell_starts_ends_and_signs_of_life() -> None:
    clock, stream = [0.0], io.StringIO()
    ours = assignment(remarks=("something is not built",))
    view = StudyPlainView(stream, at(clock))
    run = Run(trial_id(1, 1, "wide"))
    progress = {"event": "progress", "phase": "training", "step": 7, "submission_seconds": 1.0}
    view.begun(ours, board(ours))
    view.started(run, 2)
    view.event(run, progress)
    clock[0] = 31.0
    view.event(run, progress)
    view.event(run, {"event": "note", "message": "two\nlines \x1b[2J"})
    view.ended(run, board(ours))
    assert stream.getvalue().splitlines() == [
        "study of racer under ruleset sprint: 8 trials, 4 finished, 4 owed, at most 40.0 s of"
        " submission time",
        "something is not built",
        "mnist_wide, study 1, trial 1, attempt 2: started",
        "mnist_wide, study 1, trial 1: training, reported step 7, 1.00 s of 10.0 s",
        "two lines \\x1b[2J",
        "mnist_wide, study 1, trial 1: interrupted; still owed, 1 of 2 attempts left (4 of 8"
        " trials finished)",
    ]


def test_events_for_a_program_name_their_trial_and_progress_is_thinned() -> None:
    clock, stream = [0.0], io.StringIO()
    ours = assignment()
    view = StudyJsonView(stream, at(clock))
    run = Run(trial_id(1, 1, "wide"))
    view.begun(ours, board(ours))
    view.started(run, 2)
    for moment in (0.0, 0.5, 1.5):
        clock[0] = moment
        view.event(run, {"event": "progress", "step": moment})
    view.ended(run, board(ours))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [e["event"] for e in events] == [
        "study_begun", "trial_started", "progress", "progress", "trial_ended"
    ]  # fmt: skip
    named = {"workload": "mnist", "variant": "wide", "study": 1, "trial": 1, "attempt": 2}
    assert all(event | named == event for event in events[1:])
    assert events[-1]["state"] == "interrupted"
    assert (events[-1]["phase"], events[-1]["owed"]) == ("owed", 4)


def test_the_view_fits_the_output() -> None:
    assert isinstance(choose_study_view(io.StringIO()), StudyPlainView)
    assert isinstance(choose_study_view(io.StringIO(), as_json=True), StudyJsonView)


@pytest.fixture
def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> str:
    """Return the summary of a study that was interrupted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_summary, "kit_command", lambda directory: "kit")
    ours = assignment(remarks=("something is not built",))
    evidence: Any = SimpleNamespace(assignment=ours, results=tmp_path / "results")
    print_summary(evidence, board(ours), interrupted_by="SIGINT", again="kit study --submission x")
    return capsys.readouterr().out


def test_the_summary_has_times_medians_attempts_and_the_next_commands(printed: str) -> None:
    lines = printed.splitlines()
    assert lines[1] == "Interrupted by SIGINT: 4 of 8 trials are finished."
    rows = [line.split() for line in lines]
    assert ["mnist", "1", "4.12s", "∞", "fail", "4.12s"] in rows
    assert ["2", "∞", "cut", "≥6.00s", "≥6.00s"] in rows
    assert ["median", "≥5.06s"] in rows
    assert ["median", "—"] in rows
    assert (
        "mnist, study 2, trial 1: attempt 1 no end, attempt 2 interrupted; no attempt left, it"
        " counts as missed" in lines
    )
    assert "mnist_wide, study 1, trial 1: attempt 1 interrupted; 1 of 2 attempts left" in lines
    assert "3 of 3 finished trials are not official: by hand (3)." in lines
    assert "something is not built" in lines
    commands = [line.strip() for line in lines if line.startswith("    kit")]
    assert commands == ["kit study --submission x", "kit verify results"]  # mnist is not scored


def test_a_scored_study_leads_to_its_score(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_summary, "kit_command", lambda directory: "kit")
    ours = assignment(studies=1, trials=1)
    scored = tuple(
        Part(p.base, p.variant, p.rules.model_copy(update={"scored": True})) for p in ours.parts
    )
    ours = Assignment(load_ruleset("mini"), SUBMISSION, "external", scored, (1,), 1)
    done = {s: [attempt(1, TrialState.TARGET_REACHED)] for s in ours.trial_ids()}
    evidence: Any = SimpleNamespace(assignment=ours, results=tmp_path / "results")
    print_summary(evidence, board_of(ours.trial_ids(), done, 2), interrupted_by=None, again="x")
    output = capsys.readouterr().out
    assert output.splitlines()[1] == "Study complete: 2 trials."
    assert "    kit score results --ruleset mini --held-out mnist=wide\n" in output
    assert "Go on" not in output


def test_the_result_for_a_program_is_complete() -> None:
    ours = assignment()
    content = json.loads(
        json.dumps(as_dict(ours, board(ours), interrupted_by=None), allow_nan=False)
    )
    assert content["complete"] is False
    assert content["workloads"][0]["studies"][0] == {
        "at_least_seconds": 4.125, "at_most_seconds": 4.125
    }  # fmt: skip
    assert content["workloads"][0]["median"]["at_most_seconds"] is None
    given_up = content["trials"][2]
    assert (given_up["phase"], given_up["state"]) == ("given_up", None)
    assert [a["state"] for a in given_up["attempts"]] == [None, "interrupted"]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(4.15, 4.15), "4.15s"),
        (Outcome(4.15, 5.35), "4.15s–5.35s"),
        (Outcome(4.15, math.inf), "≥4.15s"),
        (Outcome(0.0, math.inf), "—"),
        (Outcome(math.inf, math.inf), "∞"),
    ],
)
def test_a_time_is_shown_as_far_as_it_is_known(outcome: Outcome, text: str) -> None:
    assert shown(outcome) == text
