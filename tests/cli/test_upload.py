"""`kit upload`: where runs go, what is said, and what is refused."""

from __future__ import annotations

import json

import pytest

from kit.cli.main import main
from tests.records.factory import Results, make_trial
from tests.wandb_server import KEY, WandbServer


@pytest.fixture
def results(tmp_path, monkeypatch):
    found = Results(tmp_path)
    found.run(make_trial())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STOPWATCH_CONFIG", str(found.config))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_ENTITY", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return found


def upload(*arguments):
    """Run `kit upload` and return its exit code."""
    with pytest.raises(SystemExit) as exit_:
        main(["upload", *map(str, arguments)])
    return exit_.value.code


def test_without_a_key_the_runs_are_written_to_disk(results, tmp_path, capsys):
    assert upload(results.root) == 0
    shown = capsys.readouterr()
    assert "There is no W&B key, so the runs are written to disk" in shown.err
    assert "sent: example on mnist, study 1, trial 1\n" in shown.err
    assert shown.out.startswith(f"WRITTEN: {tmp_path / 'wandb'}\n")
    assert "Trials: 1, ledgers: 1. Runs: 2 written." in shown.out
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2


def test_with_a_key_file_the_runs_are_sent(results, tmp_path, capsys, monkeypatch):
    (tmp_path / "key").write_text(f"{KEY}\n")
    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert upload(results.root, "--key-file", tmp_path / "key", "--json") == 0
        shown = json.loads(capsys.readouterr().out)
        assert [run["status"] for run in shown["runs"]] == ["sent", "sent"]
        assert shown["offline"] is None
        sent = {("team", "stopwatch", run["run_id"]) for run in shown["runs"]}
        assert sent == server.state.runs.keys()


def test_upload_that_did_not_arrive_exits_1_and_says_how_to_go_on(results, capsys, monkeypatch):
    with WandbServer() as server:
        pass  # a port that nobody listens on any more
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("kit.mirror.upload.ATTEMPTS", 1)
    assert upload(results.root, "--timeout", "1") == 1
    shown = capsys.readouterr().out
    assert shown.startswith("NOT COMPLETE: your entity/stopwatch\n")
    assert "W&B does not let us in" in shown
    assert "The same command goes on where this one ended." in shown


def test_results_that_do_not_verify_are_not_sent(results, capsys):
    log = next(results.root.rglob("log.txt"))
    log.write_bytes(b"another")
    assert upload(results.root, "--offline") == 1
    error = capsys.readouterr().err
    assert "What does not match: 1; so nothing is sent" in error
    assert "--unverified" in error


@pytest.mark.parametrize(
    ("environment", "arguments", "message"),
    [
        ({"WANDB_MODE": "disabled"}, [], "Choose one of: online, offline. Received: WANDB_MODE"),
        ({"WANDB_MODE": "online"}, [], "There is no W&B key, and WANDB_MODE=online asks for one"),
        ({}, ["--key-file", "nowhere"], "--key-file=nowhere cannot be read: No such file"),
    ],
)
def test_request_that_makes_no_sense_exits_2(
    results, capsys, monkeypatch, environment, arguments, message
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert upload(results.root, *arguments) == 2
    assert message in capsys.readouterr().err
