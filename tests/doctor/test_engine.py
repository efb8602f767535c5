"""What the doctor says about the container engine and Compose."""

from __future__ import annotations

import socket
import time

import pytest

from kit.doctor import Level, engine
from kit.doctor.engine import Engine
from kit.doctor.finding import what_and_fix
from kit.engine.client import DEFAULT_ADDRESS
from kit.errors import InvalidFile, NotAvailable

HOST = {
    "ServerVersion": "20.10.24",
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
    "SwapLimit": True,
    "PidsLimit": True,
    "Warnings": None,
}


@pytest.fixture(autouse=True)
def usual_address(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("COMPOSE_API_VERSION", raising=False)


def test_an_absent_engine_is_a_warning_with_the_message_and_fix_of_the_client(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(NotAvailable) as caught:
        engine.look()
    finding = engine.absent(caught.value)
    assert finding.level is Level.WARNING
    assert finding.text == (
        f"No container engine answers at unix://{tmp_path}/none.sock: there is no such socket; "
        "trials in containers (--engine docker) cannot run"
    )
    assert finding.fix.startswith("start it (on Debian: sudo apt-get install docker.io), or say")


def test_an_engine_that_hangs_is_given_up_after_the_timeout(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/mute.sock")
    begin = time.monotonic()
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(f"{tmp_path}/mute.sock")
        mute.listen(8)
        with pytest.raises(NotAvailable, match="it gave no answer in time"):
            engine.look(timeout_seconds=1)
    assert time.monotonic() - begin < 20


def test_the_last_sentence_of_an_error_is_its_fix():
    assert what_and_fix(InvalidFile("a.pem is bad. It was cut. Restore it.")) == (
        "a.pem is bad. It was cut",
        "restore it",
    )
    assert what_and_fix(InvalidFile("Others read k. Fix it: chmod 600 k"))[1] == "chmod 600 k"


def test_the_engine_is_described():
    finding = engine.present(Engine(HOST))
    assert finding.level is Level.OK
    assert finding.text == "Docker 20.10.24; storage overlay2, cgroup v2, run by root"
    rootless = engine.present(Engine(HOST | {"SecurityOptions": ["name=rootless"]}))
    assert rootless.text.endswith(", rootless")


def test_the_address_is_told_where_it_is_not_the_usual_one(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///elsewhere.sock")
    assert "Docker 20.10.24 at unix:///elsewhere.sock;" in engine.present(Engine(HOST)).text
    monkeypatch.setenv("DOCKER_HOST", DEFAULT_ADDRESS)
    assert " at " not in engine.present(Engine(HOST)).text


def test_an_engine_on_another_machine_is_a_warning(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2375")
    finding = engine.present(Engine(HOST))
    assert finding.level is Level.WARNING
    assert finding.text.endswith(
        "it is not on this machine, so it cannot mount data and results from here"
    )
    assert finding.fix == "unset DOCKER_HOST, and start an engine here"


def test_an_engine_open_to_the_network_is_a_warning():
    said = "WARNING: API is accessible on http://0.0.0.0:2375 without encryption."
    finding = engine.present(Engine(HOST | {"Warnings": [said]}))
    assert finding.level is Level.WARNING
    assert "it also listens on the network, where whoever reaches it is root here" in finding.text
    assert finding.fix == "remove the tcp:// address from the engine's settings"


def test_storage_that_copies_images_is_a_warning():
    finding = engine.present(Engine(HOST | {"Driver": "vfs"}))
    assert finding.level is Level.WARNING
    assert finding.text.endswith("this storage copies the image for each container")
    assert finding.fix == "set the engine's storage driver to overlay2"


@pytest.mark.parametrize(
    ("changes", "missing", "fix"),
    [
        (
            {"MemoryLimit": False, "SwapLimit": False},
            "memory, swap",
            "boot with cgroup_enable=memory swapaccount=1",
        ),
        ({"SwapLimit": False}, "swap", "boot with cgroup_enable=memory swapaccount=1"),
        (
            {"PidsLimit": False},
            "the number of processes",
            "use a kernel with CONFIG_CGROUP_PIDS",
        ),
        (
            {"PidsLimit": False, "SecurityOptions": ["name=rootless"]},
            "the number of processes",
            "set Delegate=cpu cpuset io memory pids for user@.service (this needs cgroup v2)",
        ),
    ],
)
def test_limits_that_the_engine_does_not_have_are_told(changes, missing, fix):
    finding = engine.limits(Engine(HOST | changes))
    assert finding.level is Level.WARNING
    assert finding.text == (
        f"the engine cannot limit {missing}: a trainer can take from the referee"
    )
    assert finding.fix == fix


def test_limits_that_are_all_there_are_fine():
    finding = engine.limits(Engine(HOST))
    assert finding.level is Level.OK
    assert finding.text == "memory, swap and the number of processes can be limited"


@pytest.mark.parametrize(
    ("version", "oldest_api", "text"),
    [
        ("1.29.2", (1, 12), None),
        ("2.27.1", (1, 44), None),
        ("v2.3.3", (1, 24), None),
        ("5.0.1", (1, 44), None),
        ("1.25.0", (1, 12), "docker-compose 1.25.0 is too old: 1.29 or 2.x is needed"),
        ("gibberish", (1, 12), "docker-compose gibberish is too old: 1.29 or 2.x is needed"),
        (
            "1.29.2",
            (1, 44),
            "docker-compose 1.29.2 is too old for this engine, which wants API 1.44",
        ),
    ],
)
def test_composes_age_is_judged(version, oldest_api, text):
    finding = engine.compose(lambda: ("docker-compose",), lambda: version, oldest_api)
    if text is None:
        assert (finding.level, finding.text) == (Level.OK, f"docker-compose {version}")
    else:
        assert (finding.level, finding.text) == (Level.WARNING, text)
        assert finding.fix == "install Compose 2: the package docker-compose-plugin"


def test_compose_1_may_be_told_to_speak_a_newer_api(monkeypatch):
    monkeypatch.setenv("COMPOSE_API_VERSION", "1.44")
    finding = engine.compose(lambda: ("docker-compose",), lambda: "1.29.2", (1, 44))
    assert finding.level is Level.OK


def test_a_missing_compose_is_told_with_the_fix():
    def missing():
        raise NotAvailable("Compose was not found: nothing works. Install it (on Debian: so).")

    finding = engine.compose(missing)
    assert finding.level is Level.WARNING
    assert finding.text == "Compose was not found: nothing works"
    assert finding.fix == "install it (on Debian: so)"
