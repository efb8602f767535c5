"""Which checks are made, and in which order they are shown."""

from __future__ import annotations

import itertools

import pytest

from kit.doctor import engine, examine, gpu
from kit.errors import NotAvailable

LOCAL = ["Python", "Packages", "Processors", "Memory", "Disk", "Exchange", "Clock", "CPU speed"]
PROJECT = ["Signing key", "Data", "Leftovers"]


def subjects() -> list[str]:
    """Return the subjects in their order, without repetitions."""
    return [subject for subject, _ in itertools.groupby(f.subject for f in examine())]


@pytest.fixture
def one_gpu(monkeypatch):
    monkeypatch.setattr(gpu, "look", lambda: gpu.Gpus("580.1", [gpu.Gpu(0, "Tesla V100")]))


def test_without_engine_or_gpu_only_what_can_be_checked_is_shown(monkeypatch):
    def no_engine():
        raise NotAvailable("No container engine answers. Start it.")

    monkeypatch.setattr(engine, "look", no_engine)
    monkeypatch.setattr(gpu, "look", lambda: None)
    containers = ["Engine", "Compose"]
    here = [*LOCAL, "Load", "GPU", "Bubblewrap", "Namespaces"]
    assert subjects() == [*here, *containers, *PROJECT]


def test_the_machine_comes_first_then_containers_then_the_project(monkeypatch, one_gpu):
    host = {"ServerVersion": "20.10.24"}
    monkeypatch.setattr(engine, "look", lambda: engine.Engine(host))
    graphics = ["GPU", "GPU settings", "GPU load"]
    containers = ["Engine", "Limits", "Engine disk", "Compose", "GPU runtime", "Image", "Image gpu"]
    here = [*LOCAL, "Load", *graphics, "Bubblewrap", "Namespaces"]
    assert subjects() == [*here, *containers, *PROJECT]
