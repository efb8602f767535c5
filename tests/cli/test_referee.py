"""`kit referee`: executes the request that it is given, in a child process or in a container."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit.cli import main as main_module
from kit.cli import referee as referee_module
from kit.cli.main import main
from kit.planning.plan import plan_trial
from kit.planning.request import TrialRequest
from tests.cli import fabricated

DIGESTS = ("STOPWATCH_IMAGE_DIGEST", "STOPWATCH_TRAINER_IMAGE_DIGEST")


@pytest.fixture
def planned(tmp_path: Path) -> TrialRequest:
    folders = {"results": tmp_path / "results", "config": tmp_path / "config"}
    return plan_trial(workload="mnist", submission="nadamw", **folders)


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[TrialRequest]:
    """Return what is executed, in place of a trial."""
    kept: list[TrialRequest] = []

    def keep(request: TrialRequest, view: object) -> object:
        kept.append(request)
        return fabricated.outcome()

    monkeypatch.setattr(referee_module, "shown_trial", keep)
    return kept


@pytest.fixture
def contained(planned: TrialRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the variables as compose does; undo what the command does to its process."""
    monkeypatch.setenv("TRIAL_REQUEST", planned.encode())
    for name in DIGESTS:
        monkeypatch.setenv(name, f"sha256:{64 * 'a'}")
    folder, mask = Path.cwd(), os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)
    os.chdir(folder)


def test_a_child_reads_its_request_from_stdin(planned, executed, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(planned.encode()))
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 0
    assert executed == [planned]
    assert capsys.readouterr().out.startswith("{")


@pytest.mark.parametrize("text", ["", "{}", "not JSON"])
def test_without_a_sound_request_it_is_one_line(text, executed, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("Error: No" if text == "" else "Error: Not a trial request: ")
    assert error.count("\n") == 1
    assert executed == []


@pytest.mark.usefixtures("contained")
def test_a_container_gets_its_request_in_the_environment(planned, executed):
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 0
    assert executed == [planned]
    assert os.umask(0o022) == 0o002, "records can be written by the group of their folder"


def test_it_is_a_command_that_people_are_not_shown():
    shown = CliRunner().invoke(main_module.cli, ["--help"]).stdout
    assert "  run " in shown
    assert "referee" not in shown.partition("Commands:")[2]
    assert CliRunner().invoke(main_module.cli, ["referee", "--help"]).exit_code == 0


@pytest.mark.usefixtures("contained")
@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.parametrize("value", ["stopwatch:cpu", "", "sha256:abc"])
def test_an_image_that_is_named_by_a_tag_is_rejected(name, value, monkeypatch, executed, capsys):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {name} is an image's digest")
    assert error.endswith(f"Received: {value!r}.\n")
    assert executed == []
