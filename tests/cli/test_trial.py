"""Where a trial runs: the engine that was asked for, or the one that works here."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kit.cli import run as run_module
from kit.cli import trial as trial_module
from kit.cli.main import main
from kit.engine import compose
from tests.cli import fabricated

MISSING = "Compose was not found: install it."


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[trial_module.Request]:
    """Return the requests of the trials that would have run."""
    kept: list[trial_module.Request] = []

    def keep(plan: object, request: trial_module.Request, view: object) -> object:
        kept.append(request)
        return fabricated.outcome()

    monkeypatch.setattr(trial_module, "_plan", lambda request: fabricated.plan())
    monkeypatch.setattr(trial_module, "prepare_data", lambda plan, view: None)
    monkeypatch.setattr(trial_module, "_run_trial", keep)
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
    assert ran[0].engine == "docker"
    assert "cannot be used" not in result.stderr


def test_auto_without_an_engine_says_so_and_runs_here(ran, engine):
    engine[0] = MISSING
    result = invoke("--engine", "auto")
    assert ran[0].engine == "local"
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
    assert ran[0].engine == asked


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
    assert error.startswith(f"Error: {named} is about processes of this machine")
    assert error.endswith(f"Received: --engine={engine_name}.\n")
    assert ran == []


def test_containers_get_what_was_asked_for(monkeypatch, tmp_path):
    handed_over = []

    def keep(plan: object, settings: object, *, observer: object) -> object:
        handed_over.append(settings)
        return fabricated.outcome()

    monkeypatch.setattr("kit.engine.trial.run_in_containers", keep)
    monkeypatch.setattr("kit.cli.extra_packages.extras_folder", lambda submission, view: None)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(trial_module, "_plan", lambda request: fabricated.plan())
    monkeypatch.setattr(trial_module, "prepare_data", lambda plan, view: None)
    monkeypatch.chdir(tmp_path)
    options = ["--engine=docker", "--seed=7", "--device=gpu", "--build", "--results=mine"]
    invoke(*options)
    (settings,) = handed_over
    assert settings.results == tmp_path / "mine"
    assert settings.config == tmp_path / "config"
    assert (settings.seed, settings.device, settings.build) == (7, "gpu", True)
    assert settings.compose_file == Path(run_module.paths.PROJECT / "docker-compose.yml")
