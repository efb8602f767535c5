"""What the doctor says about images, the room for them, and GPUs in containers."""

from __future__ import annotations

import dataclasses
import errno
from types import SimpleNamespace

import pytest

from kit.doctor import Level, images
from kit.doctor.engine import Engine
from kit.engine.image import ImageFacts

CPU = ImageFacts(
    id="sha256:0",
    size_bytes=1_580_000_000,
    target="cpu",
    version="0.1.0",
    revision="35a6c9d4",
    dirty=False,
    created=None,
    base_image=None,
    lock_sha256="0",
    source_sha256="0",
)
GPU = dataclasses.replace(CPU, target="gpu", size_bytes=7_000_000_000)
HOST = {"DockerRootDir": "/var/lib/docker", "Runtimes": {"runc": {}}}
BUILT = Engine(HOST, images={"cpu": CPU})


@pytest.fixture(autouse=True)
def usual_address(monkeypatch):
    monkeypatch.delenv("DOCKER_HOST", raising=False)


def free(amount):
    return lambda path: SimpleNamespace(free=amount)


def test_an_image_of_this_checkout_is_fine_and_its_size_is_shown():
    (finding,) = images.examine(BUILT, False, lambda facts: [])
    assert finding.level is Level.OK
    assert finding.text == "stopwatch:cpu, 1.6 GB, built from this checkout"


def test_an_image_of_another_checkout_is_a_warning_with_the_difference():
    (finding,) = images.examine(BUILT, False)  # compared with this checkout for real
    assert finding.level is Level.WARNING
    assert "1.6 GB: the image holds other packages (revision 35a6c9d) than" in finding.text
    assert "; the image was built from other sources" in finding.text
    assert finding.fix == "make image"


@pytest.mark.parametrize(
    ("has_gpus", "there", "fixes"),
    [
        (False, {}, ["make image"]),
        (True, {}, ["make image", "make image TARGET=gpu"]),
        (True, {"cpu": CPU}, ["", "make image TARGET=gpu"]),
        (False, {"cpu": CPU, "gpu": GPU}, ["", ""]),
    ],
)
def test_a_gpu_image_is_wanted_only_where_there_is_a_gpu(has_gpus, there, fixes):
    findings = list(images.examine(Engine(HOST, images=there), has_gpus, lambda facts: []))
    assert [finding.fix for finding in findings] == fixes
    for finding in findings:
        if finding.fix:
            assert finding.level is Level.WARNING
            assert "is not built; containers need it" in finding.text


@pytest.mark.parametrize(
    ("engine", "has_gpus", "amount", "text"),
    [
        (BUILT, False, 3e9, None),
        (BUILT, False, 0.5e9, "1 GB are needed to run trials"),
        (Engine(HOST), False, 6e9, None),
        (Engine(HOST), False, 3e9, "5 GB are needed to build stopwatch:cpu"),
        (BUILT, True, 9e9, "17 GB are needed to build stopwatch:gpu"),
        (Engine(HOST), True, 9e9, "21 GB are needed to build stopwatch:cpu and stopwatch:gpu"),
    ],
)
def test_the_engines_disk_is_compared_with_what_images_need(engine, has_gpus, amount, text):
    finding = images.disk(engine, has_gpus, free(amount))
    assert finding.text.startswith(f"{amount / 1e9:.0f} GB free in /var/lib/docker")
    if text is None:
        assert finding.level is Level.OK
    else:
        assert finding.level is Level.WARNING
        assert finding.text.endswith(f"; {text}")
        assert finding.fix.startswith("docker image prune")


def test_a_disk_that_cannot_be_looked_at_is_told():
    def refuse(path):
        raise PermissionError(errno.EACCES, "no", path)

    finding = images.disk(BUILT, False, refuse)
    assert finding.level is Level.OK
    assert finding.text == "free space in /var/lib/docker is not known here: permission denied"


def test_the_disk_of_an_engine_elsewhere_is_not_looked_for_here(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2375")
    finding = images.disk(BUILT, False, free(1))
    assert finding.text == "not on this machine, so its free space is not known here"


def test_the_gpu_runtime_is_needed_only_where_there_is_a_gpu():
    assert list(images.runtime(BUILT, False)) == []
    (finding,) = images.runtime(BUILT, True)
    assert finding.level is Level.WARNING
    assert finding.text == "none: trials in containers cannot use the GPUs"
    assert "nvidia-ctk runtime configure --runtime=docker" in finding.fix


def test_gpus_known_by_cdi_alone_are_not_enough_and_the_reason_is_told():
    devices = [{"Source": "cdi", "ID": "nvidia.com/gpu=all"}]
    (finding,) = images.runtime(Engine(HOST | {"DiscoveredDevices": devices}), True)
    assert finding.level is Level.WARNING
    assert "the engine knows them by CDI alone, and the kit asks for the runtime" in finding.text


def test_an_engine_with_the_gpu_runtime_is_fine():
    (finding,) = images.runtime(Engine(HOST | {"Runtimes": {"runc": {}, "nvidia": {}}}), True)
    assert (finding.level, finding.text) == (
        Level.OK,
        "nvidia: containers can be given a GPU",
    )
