"""Which compose is used, what it gets to know, and what its failures mean."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import paths
from kit.engine import compose
from kit.engine.compose import Compose, compose_command, explained
from kit.errors import NotAvailable, TrialError

# What the command itself needs; everything else comes from the description of the trial.
FROM_THE_SHELL = {
    "DOCKER_CONFIG", "DOCKER_HOST", "HOME", "LANG", "PATH", "TMPDIR", "XDG_RUNTIME_DIR",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _ask_again() -> Iterator[None]:
    """Forget which compose this process has found, before and after a test that hides it."""
    compose_command.cache_clear()
    yield
    compose_command.cache_clear()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH; it is empty."""
    monkeypatch.delenv(compose.OVERRIDE, raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_compose_2_is_preferred(programs):
    program(programs, "docker", '[ "$1 $2" = "compose version" ]')
    program(programs, "docker-compose")
    assert compose_command() == ("docker", "compose")


def test_a_docker_command_without_the_plugin_leaves_the_older_compose(programs):
    program(programs, "docker", "exit 1")
    program(programs, "docker-compose")
    assert compose_command() == ("docker-compose",)


def test_the_override_is_taken_instead_of_either(programs, monkeypatch):
    for name in ("docker", "docker-compose", "podman"):
        program(programs, name)
    monkeypatch.setenv(compose.OVERRIDE, " podman  compose ")
    assert compose_command() == ("podman", "compose")


def test_an_override_of_nothing_is_none(programs, monkeypatch):
    program(programs, "docker-compose")
    monkeypatch.setenv(compose.OVERRIDE, "  ")
    assert compose_command() == ("docker-compose",)


def test_without_compose_the_message_says_what_to_install(programs):
    program(programs, "docker-compose", "exit 3")
    with pytest.raises(NotAvailable) as caught:
        compose_command()
    assert str(caught.value).startswith(
        "Compose was not found: neither `docker compose` nor docker-compose works. Install it"
    )
    assert compose.problem() == str(caught.value)


def test_an_override_that_does_not_work_is_named(programs, monkeypatch):
    program(programs, "docker-compose")
    monkeypatch.setenv(compose.OVERRIDE, "nowhere/compose")
    with pytest.raises(NotAvailable, match=r"STOPWATCH_COMPOSE=nowhere/compose does not work\. In"):
        compose_command()


def test_the_version_is_what_compose_says(programs):
    program(programs, "docker-compose", '[ "$*" = "version --short" ] && echo 1.29.2; exit 0')
    assert compose.version() == "1.29.2"


@pytest.fixture
def project(programs: Path, tmp_path: Path) -> Callable[..., Compose]:
    """Return a function that makes a project whose compose behaves as a script says."""

    def make(script: str, **variables: str) -> Compose:
        file = tmp_path / "docker-compose.yml"
        program(programs, "docker-compose", f'[ "$1" = version ] && exit 0\n{script}')
        return Compose("stopwatch-1", profile="cpu", variables=variables, file=file)

    return make


@pytest.fixture
def seen(project: Callable[..., Compose], tmp_path: Path) -> Callable[[], tuple[list[str], dict]]:
    """Return a function that starts the containers and returns arguments and environment."""
    kept, look = tmp_path / "kept.json", tmp_path / "look.py"
    look.write_text(
        "import json, os, sys\n"
        f"open({str(kept)!r}, 'w').write(json.dumps([sys.argv[1:], dict(os.environ)]))\n"
    )

    def start() -> tuple[list[str], dict]:
        project(f'exec {sys.executable} -I {look} "$@"', WORKLOAD="mnist", SEED="").up()
        arguments, environment = json.loads(kept.read_text())
        return arguments, environment

    return start


def test_compose_learns_what_the_trial_is_and_nothing_else_of_the_shell(seen, monkeypatch):
    for name in ("WORKLOAD", "SEED", "STEPS", "COMPOSE_FILE", "COMPOSE_PROFILES", "DOCKER_CONTEXT",
                 "STOPWATCH_KEY_FILE", "WANDB_API_KEY"):  # fmt: skip
        monkeypatch.setenv(name, "stray")
    _, environment = seen()
    assert (environment["WORKLOAD"], environment["SEED"]) == ("mnist", "")
    assert "stray" not in environment.values()
    # The shell that runs the fake adds these of its own.
    assert set(environment) - {"PWD", "OLDPWD", "SHLVL", "_"} <= {
        *FROM_THE_SHELL, "WORKLOAD", "SEED",
    }  # fmt: skip


def test_compose_speaks_to_the_engine_that_the_kit_speaks_to(seen, monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert seen()[1]["DOCKER_HOST"] == "unix:///var/run/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert seen()[1]["DOCKER_HOST"] == "unix:///elsewhere.sock"


def test_project_file_and_profile_are_said_on_the_command_line(seen, tmp_path):
    arguments, _ = seen()
    assert arguments == [
        "-p", "stopwatch-1", "--project-directory", str(paths.PROJECT),
        "-f", str(tmp_path / "docker-compose.yml"), "--profile", "cpu",
        "up", "--detach", "--no-build", "--force-recreate",
    ]  # fmt: skip


def test_compose_has_no_part_in_ctrl_c(project, tmp_path):
    # Field 6 of /proc/<pid>/stat is the session (proc(5)); the shell's own id, where it leads one.
    session = tmp_path / "session"
    shell = "read -r _ _ _ _ _ session _ </proc/$$/stat"
    project(f'{shell}; echo "$session $$" >{session}').up()
    leader, own = session.read_text().split()
    assert leader == own != str(os.getsid(0))


def test_compose_reads_nothing_that_is_typed(project):
    reading, writing = os.pipe()
    os.write(writing, b"yes\n")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        project("if read -r typed; then exit 1; fi").up()
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("Error: write /x: No space left on device", "the engine's disk is full. Free some"),
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            "the engine has no GPU runtime. Install the NVIDIA container toolkit",
        ),
        ("mkdir /results: permission denied", "the engine may not use a folder or its socket"),
        ("No such image: sha256:1", "the image is gone. Build it again: kit image build"),
    ],
)
def test_a_known_cause_is_told_with_its_fix(said, meaning):
    message = explained(f"Creating network\nERROR: {said}.\n\n")
    assert message.startswith(f"The containers did not start: {meaning}")
    assert message.endswith(f"Compose said: ERROR: {said}.")
    assert "\n" not in message


def test_every_known_cause_is_tried():
    marks = test_a_known_cause_is_told_with_its_fix.pytestmark
    assert len(marks[0].args[1]) == len(compose._CAUSES)


@pytest.mark.parametrize(
    ("output", "last"),
    [
        ("first\n  the end.  \n\n", "the end."),
        ("", "nothing."),
        ("x" * 900, "x" * 400 + "."),
        ("ERROR: y.\nEncountered errors while bringing up the project.\n", "ERROR: y."),
    ],
)
def test_an_unknown_cause_is_quoted(output, last):
    assert explained(output) == f"The containers did not start. Compose said: {last}"


def test_containers_that_do_not_start_are_the_trials_failure(project):
    with pytest.raises(TrialError, match=r"the image is gone.*Compose said: No such image: x\."):
        project("echo first; echo 'No such image: x' >&2; exit 1").up()


def test_containers_that_stay_are_named_with_what_removes_them(project):
    refusal = (
        r"Containers of stopwatch-1 could not be removed: in use\. Remove them: "
        r"docker ps --all --filter label=com.docker.compose.project=stopwatch-1"
    )
    with pytest.raises(TrialError, match=refusal):
        project(
            'case "$*" in *"down --volumes --remove-orphans"*) echo in use; exit 1; esac'
        ).down()
