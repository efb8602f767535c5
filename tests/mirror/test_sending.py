"""Which runs are tried again and when an upload gives up; the workers are made up."""

from __future__ import annotations

import pytest

from kit.mirror import upload as sending
from kit.mirror.plan import Task
from kit.mirror.project import Destination
from kit.mirror.upload import Status, Upload
from kit.mirror.worker import Answer
from tests.mirror.test_replay import replayed
from tests.records.factory import Results, make_trial

LOST = Answer(problem="The connection was lost.", repeat=True)
FORGED = Answer(problem="Somebody logged to it.")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that uploads runs which get these answers, and returns all it saw."""
    replay = replayed(Results(tmp_path), make_trial())
    waited: list[float] = []

    def upload(*answers, tasks):
        rest = list(answers)

        class Worker:
            def __init__(self, destination):
                pass

            def send(self, replay):
                return rest.pop(0)

            def close(self):
                pass

        monkeypatch.setattr(sending, "Worker", Worker)
        to = Destination("team", "project", 60)
        sender = Upload(to, parallel=1, tell=lambda _: None, sleep=waited.append)
        results = sender.run([Task(f"run {n}", lambda: replay) for n in range(tasks)])
        assert not rest
        return [result.status for result in results], waited

    return upload


def test_run_that_got_lost_is_sent_again_after_ever_longer_waits(run):
    statuses, waited = run(LOST, LOST, Answer(), tasks=1)
    assert statuses == [Status.SENT]
    assert waited == [5, 25]


def test_run_that_was_changed_by_somebody_is_not_sent_again(run):
    statuses, waited = run(FORGED, Answer(), tasks=2)
    assert statuses == [Status.FAILED, Status.SENT]
    assert waited == []


def test_upload_gives_up_when_three_runs_in_a_row_do_not_get_through(run):
    statuses, _ = run(Answer(), *[LOST] * 9, tasks=6)
    assert statuses == [Status.SENT, *[Status.FAILED] * 3, *[Status.NOT_TRIED] * 2]


def test_one_run_that_gets_through_keeps_the_upload_going(run):
    statuses, _ = run(FORGED, FORGED, Answer(was_there=True), FORGED, FORGED, Answer(), tasks=6)
    assert statuses[2] is Status.WAS_THERE
    assert statuses[5] is Status.SENT
