"""Containers, volumes and copies of the key that interrupted trials left behind."""

from __future__ import annotations

import os
import time

import pytest

from kit.doctor import Level
from kit.doctor.engine import Engine
from kit.doctor.leftover_containers import containers, keys

NOW = 1_700_000_000.0


def container(name, project, state, *, age_seconds=3600.0, mounts=()):
    return {
        "Names": [f"/{name}"],
        "Labels": {"com.docker.compose.project": project},
        "State": state,
        "Created": NOW - age_seconds,
        "Mounts": [{"Source": source} for source in mounts],
    }


def volume(name, project, created="2023-11-14T20:00:00Z"):
    labels = {"com.docker.compose.project": project}
    return {"Name": name, "Labels": labels, "CreatedAt": created}


def test_containers_and_volumes_of_an_ended_trial_are_found_with_what_removes_them():
    found = containers(
        Engine(
            {},
            containers=[
                container("stopwatch-1_trainer_1", "stopwatch-1", "exited"),
                container("stopwatch-1_referee_1", "stopwatch-1", "created"),
                container("blog_web_1", "blog", "exited"),
            ],
            volumes=[volume("stopwatch-1_exchange", "stopwatch-1"), volume("blog_db", "blog")],
        ),
        NOW,
    )
    assert found.level is Level.WARNING
    assert found.text == (
        "of trials that have ended: containers stopwatch-1_referee_1, stopwatch-1_trainer_1"
        " and volumes stopwatch-1_exchange"
    )
    assert found.fix == (
        "docker rm --force stopwatch-1_referee_1 stopwatch-1_trainer_1"
        " && docker volume rm stopwatch-1_exchange"
    )


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ({}, "no containers of ended trials"),
        ({"containers": [container("x", "blog", "running")]}, "no containers of ended trials"),
        (
            {
                "containers": [
                    container("a", "stopwatch-1", "running"),
                    container("b", "stopwatch-1", "exited"),
                ],
                "volumes": [volume("v", "stopwatch-1")],
            },
            "no containers of ended trials; a trial runs in containers now",
        ),
        (
            {
                "containers": [
                    container("a", "stopwatch-1", "running"),
                    container("b", "stopwatch-2", "paused"),
                ]
            },
            "no containers of ended trials; 2 trials run in containers now",
        ),
        (  # a trial that is being started
            {
                "containers": [container("a", "stopwatch-1", "created", age_seconds=2)],
                "volumes": [volume("v", "stopwatch-1", "2023-11-14T22:13:19Z")],
            },
            "no containers of ended trials",
        ),
    ],
)
def test_what_runs_is_no_leftover(there, text):
    found = containers(Engine({}, **there), NOW)
    assert (found.level, found.text) == (Level.OK, text)


def test_a_volume_alone_is_a_leftover_too():
    found = containers(Engine({}, volumes=[volume("v", "stopwatch-1")]), NOW)
    assert found.text == "of trials that have ended: volumes v"
    assert found.fix == "docker volume rm v"


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "stopwatch-key-abc"
    folder.mkdir()
    (folder / "development.pem").write_text("secret")
    os.utime(folder, (time.time() - 3600,) * 2)
    return folder


def test_an_old_copy_of_the_key_is_found(tmp_path, copy):
    ended = container("a", "stopwatch-1", "exited", mounts=[f"{copy}/development.pem"])
    found = keys([ended], [tmp_path], [["/venv/bin/python", "/venv/bin/kit", "doctor"]])
    assert found.level is Level.WARNING
    assert found.text == f"copies of the signing key of interrupted trials: {copy}"
    assert found.fix == f"rm -r {copy}"


@pytest.mark.parametrize("used_by", ["container", "kit", "nobody, but young"])
def test_a_copy_of_the_key_that_is_in_use_is_left_alone(tmp_path, copy, used_by):
    there, commands = [], [["vim", "run"]]
    if used_by == "container":
        there = [container("a", "stopwatch-1", "running", mounts=[f"{copy}/development.pem"])]
    elif used_by == "kit":
        commands = [["/venv/bin/python", "/venv/bin/kit", "run", "--engine", "docker"]]
    else:
        os.utime(copy)
    found = keys(there, [tmp_path], commands)
    assert (found.level, found.text) == (Level.OK, "no copies of the signing key")
