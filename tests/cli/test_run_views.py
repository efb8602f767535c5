"""What a user sees while a trial runs, and what `kit run` makes of its end."""

from __future__ import annotations

import errno
import io
import json
import math
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from kit.cli import run as run_module
from kit.cli import trial as trial_module
from kit.cli.main import main
from kit.cli.views import wording
from kit.cli.views.canvas import Terminal
from kit.cli.views.choice import choose_view
from kit.cli.views.estimate import seconds_to_target
from kit.cli.views.history import Goal, History
from kit.cli.views.jsonl import JsonLinesView
from kit.cli.views.live import LiveView, picture
from kit.cli.views.plain import PlainView
from kit.contracts.target import Target
from kit.records.record import TrialState
from kit.referee.events import Progress
from tests.cli import fabricated


class Timer:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Closed(io.StringIO):
    """A stream whose reader is gone."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def write(self, text):
        raise self._error


def play(view):
    """Send the events of a whole trial."""
    view.note("Preparing the data of mnist")
    view.started(fabricated.plan(), isolation="bubblewrap", attempt=1, folder=fabricated.FOLDER)
    view.progress(Progress("setup", 0, 0.0, 0.0, 1.0))
    for evaluation in fabricated.EVALUATIONS:
        at = evaluation.submission_seconds
        view.progress(Progress("training", evaluation.step, at, 0.5, at + 1))
        view.progress(Progress("evaluating", evaluation.step, at, 0.5, at + 1))
        view.evaluated(evaluation)
    view.note("The second scan found nothing.")
    view.progress(Progress("recording", 1290, 12.4, 2.0, 22.0))
    view.finished(fabricated.outcome())
    view.close()


def drawn(history, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(picture(history))
    return console.file.getvalue()


@pytest.fixture
def history():
    history = History(Goal.of(fabricated.plan()), "bubblewrap", 1, fabricated.FOLDER)
    for second in range(1, 13):
        history.add(Progress("training", 100 * second, float(second), 0.5, second + 8.0))
    history.evaluations.extend(fabricated.EVALUATIONS[:3])
    return history


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "phrase",
    [
        "mnist · nadamw · ruleset mini · study 1 · trial 1",
        "Training",
        "1,200 · 100.0 steps/s",
        "12.0 s of 60.0 s",
        "0.9210 ↑ target ≥ 0.9500",
        "at any moment",
        "0.8860      0.8760",
    ],
)
def test_live_picture_shows(history, width, phrase):
    assert phrase in drawn(history, width)


@pytest.mark.parametrize("phase", ["setup", "training", "evaluating", "recording"])
def test_live_picture_is_not_cut_at_80_columns(history, phase):
    history.add(Progress(phase, 123_456_789, 7200.0, 1.0, 7300.0))
    assert "…" not in drawn(history)


def test_live_picture_before_the_first_event():
    history = History(Goal.of(fabricated.plan()), "process", 1, fabricated.FOLDER)
    shown = drawn(history)
    assert "the clock has not started" in shown
    assert "— ↑ target" in shown


def test_live_picture_of_a_metric_that_falls():
    target = Target(metric="loss", higher_is_better=False, validation=0.12)
    goal = Goal.of(fabricated.plan(target=target))
    assert "↓ target ≤ 0.1200" in drawn(History(goal, "process", 1, fabricated.FOLDER))


def test_live_view_redraws_at_most_twice_a_second_but_at_once_when_the_phase_changes():
    console = Terminal(file=io.StringIO(), force_terminal=True, width=80)
    timer = Timer()
    view = LiveView(console, now=timer)
    view.started(fabricated.plan(), isolation="process", attempt=1, folder=fabricated.FOLDER)
    view.progress(Progress("training", 1, 0.1, 0.0, 0.1))
    size = len(console.file.getvalue())
    for step in range(2, 50):
        view.progress(Progress("training", step, step / 10, 0.0, step / 10))
    assert len(console.file.getvalue()) == size
    timer.seconds = 0.6
    view.progress(Progress("training", 50, 5.0, 0.0, 5.0))
    assert len(console.file.getvalue()) > size
    size = len(console.file.getvalue())
    view.progress(Progress("evaluating", 50, 5.0, 0.0, 5.0))
    assert len(console.file.getvalue()) > size
    view.close()


def test_live_view_leaves_the_cursor_visible():
    console = Terminal(file=io.StringIO(), force_terminal=True, width=80)
    play(LiveView(console))
    output = console.file.getvalue()
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


def test_plain_view_writes_one_line_for_each_event_without_colours():
    stream = io.StringIO()
    play(PlainView(stream, now=Timer()))
    assert stream.getvalue().splitlines() == [
        "Preparing the data of mnist",
        "mnist · nadamw · ruleset mini · study 1 · trial 1 · attempt 1 · isolation bubblewrap",
        "target: validation accuracy ≥ 0.9500 within 60.0 s of submission time",
        "training: reported step 1, 3.10 s of submission time",
        "evaluation 1: reported step 1 after 3.10 s, train accuracy 0.1120,"
        " validation accuracy 0.1020",
        "evaluation 2: reported step 420 after 6.20 s, train accuracy 0.8860,"
        " validation accuracy 0.8760",
        "evaluation 3: reported step 850 after 9.30 s, train accuracy 0.9310,"
        " validation accuracy 0.9210",
        "evaluation 4: reported step 1,290 after 12.4 s, train accuracy 0.9630,"
        " validation accuracy 0.9530",
        "The second scan found nothing.",
        "recording: reported step 1,290, 140.3 steps/s, 12.4 s of submission time",
        "finished: target_reached",
    ]


def test_plain_view_gives_a_sign_of_life_after_ten_seconds_of_silence():
    stream, timer = io.StringIO(), Timer()
    view = PlainView(stream, now=timer)
    view.started(fabricated.plan(), isolation="process", attempt=2, folder=fabricated.FOLDER)
    view.progress(Progress("training", 1, 0.1, 0.0, 0.1))
    written = len(stream.getvalue())
    timer.seconds = 9.0
    view.progress(Progress("training", 900, 9.0, 0.0, 9.0))
    assert len(stream.getvalue()) == written
    timer.seconds = 10.5
    view.progress(Progress("training", 1000, 10.5, 0.0, 10.5))
    assert "training: reported step 1,000" in stream.getvalue()


def test_json_lines_are_strict_json_with_the_event_first():
    stream = io.StringIO()
    view = JsonLinesView(stream)
    play(view)
    view.evaluated(fabricated.evaluation(5, 1300, 13.0, math.nan))
    lines = stream.getvalue().splitlines()
    events = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [e["event"] for e in events][:3] == ["note", "started", "progress"]
    assert events[-1]["metrics"]["validation/accuracy"] == "nan"
    assert events[1]["folder"] == str(fabricated.FOLDER)


@pytest.mark.parametrize("make", [PlainView, JsonLinesView])
def test_view_never_raises_when_its_reader_is_gone(make):
    play(make(Closed(BrokenPipeError())))


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.EIO, "gone")])
def test_live_view_never_raises_when_the_terminal_is_gone(error):
    play(LiveView(Terminal(file=Closed(error), force_terminal=True, width=80)))


class TerminalStream(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "options", "view"),
    [
        (io.StringIO(), {}, PlainView),
        (io.StringIO(), {"as_json": True}, JsonLinesView),
        (TerminalStream(), {}, LiveView),
        (TerminalStream(), {"as_json": True}, JsonLinesView),
        (TerminalStream(), {"debugger": True}, PlainView),
    ],
)
def test_view_fits_where_the_output_goes(stream, options, view, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(choose_view(stream, **options), view)


def test_libraries_are_silent_unless_something_unexpected_happens():
    program = """
import os, sys
from kit.cli.views.terminal import libraries_silenced, stream_for_view
stream = stream_for_view()
with libraries_silenced():
    os.write(2, b"noise\\n")
    print("picture", file=stream, flush=True)
print("after", file=sys.stderr)
with libraries_silenced():
    os.write(2, b"the library's last words\\n")
    raise RuntimeError("broken")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stderr.startswith("picture\nafter\nthe library's last words\nTraceback")
    assert "noise" not in result.stderr


def logarithmic(times, *, start=0.5, slope=0.1):
    return [(t, start + slope * math.log(t)) for t in times]


def test_estimate_is_exact_for_a_metric_that_grows_with_the_logarithm_of_time():
    target = 0.5 + 0.1 * math.log(40.0)
    points = logarithmic([5.0, 10.0, 15.0, 20.0])
    assert seconds_to_target(points, target, higher_is_better=True) == pytest.approx(20.0)
    falling = [(t, -m) for t, m in points]
    assert seconds_to_target(falling, -target, higher_is_better=False) == pytest.approx(20.0)


@pytest.mark.parametrize(
    "points",
    [
        [],
        logarithmic([5.0, 10.0]),
        [(1.0, 0.9), (2.0, 0.8), (3.0, 0.7)],
        [(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)],
        [(1.0, 0.5), (2.0, math.nan), (3.0, 0.6)],
        [(2.0, 0.5), (2.0, 0.6), (2.0, 0.7)],
        [(1.0, 0.5), (2.0, 0.5000001), (3.0, 0.5000002)],
    ],
    ids=["none", "two", "worse", "flat", "nan", "no time", "for ever"],
)
def test_estimate_is_missing_where_nothing_can_be_said(points):
    assert seconds_to_target(points, 0.99, higher_is_better=True) is None


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(allow_nan=True)), max_size=8),
    st.floats(-1e6, 1e6),
    st.booleans(),
)
def test_estimate_is_never_negative_nor_fails(points, target, higher):
    values = [(t, m if abs(m) < 1e9 else math.nan) for t, m in points]
    estimate = seconds_to_target(values, target, higher_is_better=higher)
    assert estimate is None or estimate >= 0


def test_speed_is_that_of_the_last_seconds_only():
    history = History(Goal.of(fabricated.plan()), "process", 1, fabricated.FOLDER)
    for second in range(20):
        step = second * 10 if second < 10 else 90 + (second - 9) * 100
        history.add(Progress("training", step, float(second), 0.0, float(second)))
    assert history.steps_per_second == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.4, "0.40 s"), (41.26, "41.3 s"), (119.97, "2 min 00 s"), (200, "3 min 20 s"),
     (3599.7, "1 h 00 min"), (7500, "2 h 05 min"), (math.inf, "—")],
)  # fmt: skip
def test_seconds_are_readable(value, expected):
    assert wording.seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.95301, "0.9530"), (12.34567, "12.346"), (1234.56, "1234.6"), (1e-7, "1e-07"),
     (0.0, "0.0000"), (math.nan, "NaN"), (-math.inf, "−∞")],
)  # fmt: skip
def test_metrics_are_readable(value, expected):
    assert wording.metric(value) == expected


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        (TrialState.TARGET_REACHED, "", 0),
        (TrialState.OUT_OF_TIME, "", 0),
        (TrialState.COMPLETED_WITHOUT_TARGET, "", 0),
        (TrialState.STOPPED_EARLY, "", 0),
        (TrialState.FAILED, "", 1),
        (TrialState.RULE_VIOLATION, "", 1),
        (TrialState.INTERRUPTED, "The disk is full.", 1),
        (TrialState.INTERRUPTED, "The referee received SIGINT.", 130),
    ],
)
def test_exit_code_follows_the_state(state, reason, code):
    assert trial_module.exit_code(fabricated.outcome(state=state, reason=reason)) == code


@pytest.fixture
def without_referee(monkeypatch, tmp_path):
    """Replace the trial; return the requests of those that would have run."""
    requests = []

    def play_trial(request, view):
        requests.append(request)
        play(view)
        return fabricated.outcome()

    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STOPWATCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(run_module, "shown_trial", play_trial)
    return requests


def test_a_run_says_before_it_starts_why_it_is_not_official(without_referee):
    result = CliRunner().invoke(run_module.run, ["--workload", "mnist", "--seed", "3"])
    assert "not official: the seed was given by hand" in result.stderr.splitlines()[0]


def test_run_writes_the_summary_to_stdout_and_progress_to_stderr(without_referee):
    result = CliRunner().invoke(run_module.run, ["--workload", "mnist"])
    assert result.exception is None
    assert result.stdout.lstrip().startswith("Target reached")
    assert "evaluation 4" not in result.stdout
    assert "evaluation 4" in result.stderr


def test_run_json_writes_one_object_to_stdout(without_referee):
    result = CliRunner().invoke(run_module.run, ["--workload", "mnist", "--json"])
    assert json.loads(result.stdout)["state"] == "target_reached"
    assert all(json.loads(line)["event"] for line in result.stderr.splitlines())


def test_run_repeats_only_options_that_differ_from_the_defaults(without_referee):
    result = CliRunner().invoke(
        run_module.run,
        ["--workload=mnist", "--trial=2", "--seed=7", "--quick", "--results=elsewhere"],
    )
    words = "--workload mnist --submission nadamw --trial 2 --seed 7 --results elsewhere"
    assert words in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: Say which workload: --workload NAME. Choose one of: "),
        (
            ["--workload", "mnist", "--evaluate-at-steps", "5,3"],
            "Error: --evaluate-at-steps takes rising whole numbers from 1, separated by commas:"
            " 1,100,200. Received: '5,3'.",
        ),
        (
            ["--workload", "mnist", "--engine", "docker", "--inline"],
            "Error: --inline is for processes of this machine; containers have their own isolation."
            " Leave it out, or choose --engine local. Received: --engine=docker.",
        ),
    ],
)
def test_wrong_request_is_one_line_and_exit_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["run", *arguments])
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1
