"""Where a trial runs: the engine that was asked for, or the one that works here."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kit.cli import run as run_module
from kit.cli.main import main
from kit.engine import compose
from kit.planning.request import TrialRequest
from tests.cli import fabricated

MISSING = "Compose was not found: install it."


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[TrialRequest]:
    """Return the requests of the trials that would have run."""
    kept: list[TrialRequest] = []

    def keep(request: TrialRequest, view: object) -> object:
        kept.append(request)
        return fabricated.outcome()

    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("STOPWATCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(run_module, "shown_trial", keep)
    return kept


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Return a list with what is wrong with the engine; a test changes it."""
    state: list[str | None] = [None]
    monkeypatch.setattr(compose, "problem", lambda: state[0])
    return state


def invoke(*options: str):
    result = CliRunner().invoke(run_module.run, ["--workload", "mnist", *options])
    assert result.exception is None
    return result


def test_auto_takes_containers_where_there_are_some(ran, engine):
    result = invoke("--engine", "auto")
    assert ran[0].execution.engine == "docker"
    assert "cannot be used" not in result.stderr


def test_auto_without_an_engine_says_so_and_runs_here(ran, engine):
    engine[0] = MISSING
    result = invoke("--engine", "auto")
    assert ran[0].execution.engine == "local"
    assert f"engine: local, because containers cannot be used: {MISSING}" in " ".join(
        result.stderr.split()
    )


def test_auto_tells_a_program_the_same(ran, engine):
    engine[0] = MISSING
    assert (
        f"because containers cannot be used: {MISSING}"
        in invoke("--engine", "auto", "--json").stderr
    )


@pytest.mark.parametrize("asked", ["local", "docker"])
def test_an_engine_that_was_named_is_not_doubted(ran, monkeypatch, asked):
    def wonder() -> str:
        raise AssertionError("it was asked for by name")

    monkeypatch.setattr(compose, "problem", wonder)
    invoke("--engine", asked)
    assert ran[0].execution.engine == asked


@pytest.mark.parametrize("engine_name", ["auto", "docker"])
@pytest.mark.parametrize(
    ("options", "named"),
    [(["--inline"], "--inline"), (["--isolation", "process"], "--isolation process")],
)
def test_isolation_of_this_machine_and_containers_exclude_each_other(
    ran, engine, capsys, engine_name, options, named
):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--workload", "mnist", "--engine", engine_name, *options])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {named} is for processes of this machine")
    assert error.endswith(f"Received: --engine={engine_name}.\n")
    assert ran == []


def test_containers_get_what_was_asked_for(ran, engine, monkeypatch, tmp_path):
    built: list[str] = []
    monkeypatch.setattr("kit.engine.execute.build_image", lambda device, note: built.append(device))
    monkeypatch.chdir(tmp_path)
    invoke("--engine=docker", "--device=gpu", "--build", "--results=mine")
    (request,) = ran
    assert request.results == tmp_path / "mine"
    assert (request.execution.engine, request.execution.device) == ("docker", "gpu")
    assert built == ["gpu"]


@pytest.mark.parametrize(
    "options",
    [("--quick",), ("--inline",), ("--seed", "7"), ("--evaluate-at-steps", "1,2")],
)
def test_runs_for_development_are_recorded_apart(ran, tmp_path, options):
    invoke(*options)
    (request,) = ran
    version = f"nadamw-{request.submission_sha256[:12]}"
    assert request.results == tmp_path / "results" / "development" / version


def test_a_real_trial_is_recorded_where_it_counts(ran, tmp_path):
    invoke()
    assert ran[0].results == tmp_path / "results"
    assert ran[0].unofficial_reasons == ()
