"""What becomes of a trial in containers that does not come to a record."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kit.engine import trial
from kit.engine.client import address
from kit.engine.follow import Follower
from kit.engine.settings import Settings
from kit.engine.trial import run_in_containers
from kit.errors import KitError, NotAvailable, TrialError, UsageError
from tests.cli import fabricated
from tests.conftest import Silent


def container(role: str, *, status: str = "running", log: bytes = b"") -> Any:
    return SimpleNamespace(
        name=f"stopwatch-1_{role}_1",
        labels={"com.docker.compose.project": "stopwatch-1", "com.docker.compose.service": role},
        status=status,
        logs=lambda tail: log,
    )


def engine(*containers: Any) -> Any:
    """Return a client of an engine that has these containers of the project."""

    def listed(*, all: bool, filters: dict[str, str]) -> list[Any]:
        assert all
        assert filters == {"label": "com.docker.compose.project=stopwatch-1"}
        return list(containers)

    return SimpleNamespace(containers=SimpleNamespace(list=listed))


def failure(*said: str, status: int = 1, client: Any = None, **state: object) -> KitError:
    follower = Follower(fabricated.plan(results=Path("/here")), Silent())
    for line in said:
        follower.take(line)
    return trial._failure(follower, status, state, client or engine(), "stopwatch-1")


@pytest.mark.parametrize(("status", "kind"), [(2, UsageError), (1, TrialError), (137, TrialError)])
def test_what_the_referee_calls_an_error_is_passed_on_with_its_kind(status, kind):
    error = failure("Preparing", "Error: Too early.", "Error: No data.", "Bye", status=status)
    assert type(error) is kind
    assert str(error) == "No data."


def test_a_referee_that_was_killed_for_its_memory_is_told_so():
    error = failure("Killed", status=137, OOMKilled=True)
    assert type(error) is TrialError
    assert str(error).startswith("The referee's container was killed: it went beyond its memory")


def test_its_own_words_count_more_than_the_way_it_ended():
    assert str(failure("Error: No data.", OOMKilled=True)) == "No data."


def test_a_crash_is_told_with_its_last_line():
    trainer = container("trainer", log=b"something else")
    error = failure("Traceback …", " ValueError: x ", client=engine(trainer), OOMKilled=False)
    assert type(error) is TrialError
    assert str(error) == (
        "The referee's container ended with status 1 and left no record. It said: ValueError: x"
    )


def test_a_silent_referee_leaves_the_word_to_the_trainer():
    trainer = container("trainer-gpu", log=b"No referee appeared in /exchange within 300 s.\n")
    error = failure(status=139, client=engine(container("referee-gpu"), trainer))
    assert str(error).endswith(
        "ended with status 139 and left no record. It said: No referee appeared in /exchange"
        " within 300 s."
    )


@pytest.mark.parametrize("containers", [(), (container("trainer"),)])
def test_where_nobody_said_anything_the_status_is_told(containers):
    error = failure(status=139, client=engine(*containers))
    assert str(error) == "The referee's container ended with status 139 and left no record."


def test_a_long_last_line_is_cut():
    assert str(failure("x" * 900)).endswith("It said: " + "x" * 300)


@pytest.mark.parametrize("host", [{}, {"Runtimes": {"runc": {}}}])
def test_an_engine_without_gpu_runtime_is_refused_with_the_fix(host):
    with pytest.raises(NotAvailable) as caught:
        trial._check_gpu_runtime(host)
    message = str(caught.value)
    assert message.startswith("The engine has no GPU runtime, and this trial needs a GPU. Install")
    assert "nvidia-ctk runtime configure --runtime=docker" in message
    assert "--device cpu" in message


def test_an_engine_with_gpu_runtime_is_taken():
    trial._check_gpu_runtime({"Runtimes": {"runc": {}, "nvidia": {}}})


class Project:
    """A compose project that only notes that it was taken down."""

    project = "stopwatch-1"

    def __init__(self) -> None:
        self.downs = 0

    def down(self) -> None:
        self.downs += 1


class Listening(Silent):
    """An observer that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def test_a_trial_that_runs_already_is_left_alone():
    project, observer = Project(), Listening()
    running = engine(container("trainer"), container("referee"))
    with pytest.raises(TrialError) as caught:
        trial._clear(running, project, observer)
    assert str(caught.value).startswith(
        "This trial is already running in containers (stopwatch-1_referee_1, stopwatch-1_trainer_1)"
    )
    assert str(caught.value).endswith("docker kill --signal INT stopwatch-1_referee_1")
    assert project.downs == 0


@pytest.mark.parametrize(
    "left",
    [
        [container("referee", status="exited"), container("trainer", status="running")],
        [container("referee", status="created")],
    ],
)
def test_what_an_ended_trial_left_is_removed_and_told(left):
    project, observer = Project(), Listening()
    trial._clear(engine(*left), project, observer)
    assert project.downs == 1
    assert observer.notes == ["removing containers that an earlier run of this trial left"]


def test_an_empty_place_is_cleared_without_a_word():
    """A volume may be left even where no container is."""
    project, observer = Project(), Listening()
    trial._clear(engine(), project, observer)
    assert (project.downs, observer.notes) == (1, [])


def test_a_missing_service_is_told_with_what_restores_the_file():
    with pytest.raises(TrialError, match=r"Compose started no referee\. Restore docker-compose"):
        trial._service(engine(container("trainer")), "stopwatch-1", "referee")


def test_without_compose_the_message_comes_before_anything_is_made(tmp_path, monkeypatch):
    def missing() -> tuple[str, ...]:
        raise NotAvailable("Compose was not found.")

    def touched(*_: object, **__: object) -> Any:
        raise AssertionError("something was asked for or made")

    monkeypatch.setattr(trial, "compose_command", missing)
    for name in ("connect", "granted", "describe", "Compose"):
        monkeypatch.setattr(trial, name, touched)
    settings = Settings(config=tmp_path / "config")
    with pytest.raises(NotAvailable, match="Compose was not found"):
        run_in_containers(fabricated.plan(), settings, observer=Silent())
    assert list(tmp_path.iterdir()) == []


def test_without_an_engine_nothing_is_made_either(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "compose_command", lambda: ("docker-compose",))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    settings = Settings(config=tmp_path / "config")
    with pytest.raises(NotAvailable, match=f"No container engine answers at {address()}"):
        run_in_containers(fabricated.plan(), settings, observer=Silent())
    assert list(tmp_path.iterdir()) == []
