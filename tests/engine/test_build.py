"""What `build` asks of the `docker` command, with a stand-in for it and for the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.engine import build
from kit.errors import NotAvailable

FAKE = """#!/bin/sh
printf '%s\\n' "$@" >>{calls}
echo "step one"
printf '\\033[91mERROR: it broke\\033[0m\\n' >&2
while [ $# -gt 0 ]; do
    if [ "$1" = --iidfile ]; then echo sha256:abc >"$2"; fi
    shift
done
exit {status}
"""


@pytest.fixture
def docker_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a fake `docker` on PATH and returns the file of its arguments."""
    pytest.importorskip("docker")
    from docker.errors import ImageNotFound

    class Images:
        present = True

        def get(self, name: str) -> None:
            if not self.present:
                raise ImageNotFound(name)

    class Client:
        images = Images()

        def close(self) -> None: ...

    def make(*, status: int = 0, base_present: bool = True) -> Path:
        calls = tmp_path / "calls"
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir()
        program.write_text(FAKE.format(calls=calls, status=status))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
        Client.images.present = base_present
        monkeypatch.setattr(build, "connect", Client)
        return calls

    return make


def test_the_build_gets_every_fact_and_its_output_is_shown(docker_command, capfd, monkeypatch):
    monkeypatch.delenv(build.NETWORK_VARIABLE, raising=False)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    calls = docker_command()
    assert build.build("cpu", "some:base") == "sha256:abc"
    arguments = calls.read_text().splitlines()
    assert arguments[:6] == ["build", "--force-rm", "--target", "cpu", "--tag", "stopwatch:cpu"]
    assert {"BASE_IMAGE=some:base", "SOURCE_DATE_EPOCH=1700000000"} <= set(arguments)
    assert any(a.startswith("org.stopwatch.source.sha256=") for a in arguments)
    assert "--network" not in arguments
    out, err = capfd.readouterr()
    assert "step one" in err
    assert out == ""


def test_the_network_of_a_build_is_the_engines_choice_unless_asked(docker_command, monkeypatch):
    monkeypatch.setenv(build.NETWORK_VARIABLE, "host")
    calls = docker_command()
    build.build("cpu", "some:base")
    arguments = calls.read_text().splitlines()
    assert arguments[arguments.index("--network") + 1] == "host"


def test_a_build_that_fails_ends_with_its_last_lines(docker_command):
    docker_command(status=1)
    with pytest.raises(build.ImageNotBuilt, match=r"'cpu' was not built: .*ERROR: it broke\."):
        build.build("cpu", "some:base")


def test_a_base_that_cannot_be_pulled_names_the_way_out(docker_command):
    calls = docker_command(status=1, base_present=False)
    with pytest.raises(NotAvailable, match=r"some:base cannot be pulled: .* BASE_IMAGE=…"):
        build.build("cpu", "some:base")
    assert calls.read_text().splitlines() == ["pull", "some:base"]


def test_without_a_name_the_pinned_base_is_taken(docker_command):
    calls = docker_command()
    build.build("upload")
    assert f"BASE_IMAGE={build.pinned_base()}" in calls.read_text().splitlines()
