"""The doctor on a real engine: it sees what is there, and leaves it as it was."""

from __future__ import annotations

import json
import uuid

import pytest
from click.testing import CliRunner

from kit.cli.doctor import doctor
from kit.doctor import Level, leftover_containers
from kit.doctor import engine as engine_checks

pytestmark = pytest.mark.docker


@pytest.fixture
def ended_trial(engine):
    """Make what compose makes for a trial; its container is created and never started."""
    name = f"stopwatch-{uuid.uuid4().hex[:12]}"
    labels = {"com.docker.compose.project": name}
    empty_archive = bytes(1024)
    engine.api.import_image_from_data(empty_archive, repository=name, tag="empty")
    volume = engine.volumes.create(f"{name}_exchange", labels=labels)
    container = engine.containers.create(
        f"{name}:empty", ["none"], name=f"{name}_referee_1", labels=labels
    )
    yield name
    container.remove(force=True)
    volume.remove()
    engine.images.remove(f"{name}:empty")


def test_the_engine_is_asked_for_all_that_is_shown(engine):
    found = engine_checks.look()
    assert found.host["ServerVersion"] == engine.version()["Version"]
    assert found.oldest_api >= (1, 12)
    finding = engine_checks.present(found)
    assert f"Docker {engine.version()['Version']}" in finding.text
    assert f"storage {engine.info()['Driver']}" in finding.text
    assert engine_checks.limits(found).text


def test_every_finding_about_containers_is_one_line_with_a_fix_if_it_needs_one(engine):
    result = CliRunner().invoke(doctor, ["--json"], standalone_mode=False)
    findings = json.loads(result.output)
    found = {finding["subject"]: finding for finding in findings}
    assert {"Engine", "Limits", "Engine disk", "Compose", "Image"} <= set(found)
    assert (
        "GB free in" in found["Engine disk"]["text"] or "not known" in found["Engine disk"]["text"]
    )
    assert found["Image"]["text"].startswith("stopwatch:cpu")
    for finding in findings:
        assert finding["level"] == "ok" or finding["fix"]


def test_containers_of_an_ended_trial_are_seen_once_they_are_no_longer_young(ended_trial):
    found = engine_checks.look()
    names = {container["Names"][0].lstrip("/") for container in found.containers}
    assert f"{ended_trial}_referee_1" in names
    assert ended_trial not in leftover_containers.containers(found).fix
    later = max(container["Created"] for container in found.containers) + 3600
    finding = leftover_containers.containers(found, later)
    assert finding.level is Level.WARNING
    assert f"{ended_trial}_referee_1" in finding.fix.partition(" && ")[0]
    assert f"{ended_trial}_exchange" in finding.fix.partition("docker volume rm ")[2]
