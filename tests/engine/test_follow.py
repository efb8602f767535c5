from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.cli.views.jsonl import JsonLinesView
from kit.engine.follow import Follower, lines
from kit.records.record import Evaluation
from kit.referee.events import Progress
from tests.cli import fabricated

PROGRESS = Progress("training", 7, 1.5, 0.25, 2.0)


class Recorder:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def started(self, plan: object, *, isolation: str, attempt: int, folder: Path) -> None:
        self.told.append(("started", isolation, attempt, folder))

    def note(self, message: str) -> None:
        self.told.append(message)

    def progress(self, progress: Progress) -> None:
        self.told.append(progress)

    def evaluated(self, evaluation: Evaluation) -> None:
        self.told.append(evaluation)

    def finished(self, outcome: object) -> None:
        self.told.append("finished")


@pytest.fixture
def follower() -> Follower:
    return Follower(fabricated.plan(results=Path("/here")), Recorder())


def told(follower: Follower) -> list[Any]:
    return follower._observer.told  # type: ignore[attr-defined]


def events(write: Any) -> list[str]:
    """Return what a referee in a container writes."""
    stream = io.StringIO()
    write(JsonLinesView(stream))
    return stream.getvalue().splitlines()


def test_events_arrive_as_they_were_sent(follower: Follower) -> None:
    evaluation = fabricated.outcome().evaluations[0]

    def write(view: JsonLinesView) -> None:
        place = Path("/results/mini/nadamw/mnist/study_1/trial_1")
        view.started(fabricated.plan(), isolation="container", attempt=2, folder=place)
        view.note("a remark")
        view.progress(PROGRESS)
        view.evaluated(evaluation)

    follower.follow(
        ["\n".join(events(write)).encode()],  # type: ignore[list-item]
        meanwhile=lambda: None,
    )
    here = Path("/here/mini/nadamw/mnist/study_1/trial_1")
    assert told(follower) == [
        ("started", "container", 2, here),
        "a remark",
        PROGRESS,
        evaluation,
    ]


def test_numbers_that_are_no_numbers_survive_the_way(follower: Follower) -> None:
    evaluation = fabricated.outcome().evaluations[0]
    broken = evaluation.model_copy(
        update={"metrics": {"validation/accuracy": math.nan}, "distance_from_initial": math.inf}
    )
    for line in events(lambda view: view.evaluated(broken)):
        follower.take(line)
    (arrived,) = told(follower)
    assert math.isnan(arrived.metrics["validation/accuracy"])
    assert math.isinf(arrived.distance_from_initial)


def test_the_record_is_looked_for_on_this_side(follower: Follower) -> None:
    follower.take('{"event": "finished", "state": "failed", "folder": "/results/a/trial_1"}')
    assert follower.folder == Path("/here/a/trial_1")


def test_what_is_no_event_is_kept_to_explain_a_failure(follower: Follower) -> None:
    for line in ("Error: no such data.", "", '{"state": "failed"}', "[1, 2]", "null"):
        follower.take(line)
    assert told(follower) == []
    assert follower.said[0] == "Error: no such data."
    assert '{"state": "failed"}' not in follower.said


@given(st.lists(st.text(alphabet="aé€\U0001f600", max_size=5), max_size=6), st.integers(1, 7))
def test_lines_do_not_depend_on_how_the_stream_is_cut(texts: list[str], size: int) -> None:
    content = "".join(f"{text}\n" for text in texts).encode()
    chunks = [content[i : i + size] for i in range(0, len(content), size)]
    assert list(lines(chunks)) == texts


def test_a_log_that_breaks_off_ends_the_following(follower: Follower) -> None:
    def chunks() -> Any:
        yield b"one line\n"
        raise OSError("connection reset")

    follower.follow(chunks(), meanwhile=lambda: None)
    assert follower.said == ["one line", "The engine's log ended: connection reset"]
