"""`kit referee`: the trial that the environment describes, inside a container."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit.cli import main as main_module
from kit.cli import referee as referee_module
from kit.cli.main import main
from kit.cli.trial import Request
from kit.rules.plan import EarlyStop

VARIABLES = (
    "WORKLOAD", "VARIANT", "SUBMISSION", "RULESET", "STUDY", "TRIAL", "SEED", "QUICK", "STEPS",
    "STOP", "JSON", "TRAINER_MEMORY",
)  # fmt: skip
DIGESTS = ("STOPWATCH_IMAGE_DIGEST", "STOPWATCH_TRAINER_IMAGE_DIGEST")


@pytest.fixture(autouse=True)
def _as_compose_starts_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every variable, empty, as compose does; undo what the command does to its process."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    for name in DIGESTS:
        monkeypatch.setenv(name, f"sha256:{64 * 'a'}")
    monkeypatch.setenv("STOPWATCH_RESULTS", "/results")
    folder, mask = Path.cwd(), os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)
    os.chdir(folder)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Return what is carried out, in place of a trial."""
    kept: list[Request] = []

    def keep(request: Request) -> int:
        kept.append(request)
        return 7

    monkeypatch.setattr(referee_module, "carry_out", keep)
    return kept


def asked(requests: list[Request]) -> Request:
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 7
    return requests.pop()


def test_empty_variables_are_the_defaults_of_kit_run(requests):
    assert asked(requests) == Request(
        workload="mnist",
        variant=None,
        submission="/submissions/nadamw",
        ruleset="mini",
        study=1,
        trial=1,
        seed=None,
        isolation="container",
        inline=False,
        quick=False,
        evaluate_at_steps=(),
        json=False,
        results=Path("/results"),
        memory_limit_bytes=None,
    )


def test_the_environment_describes_the_trial(requests, monkeypatch):
    given = {"WORKLOAD": "ogbg", "VARIANT": "gelu", "SUBMISSION": "mine",
             "RULESET": "/rulesets/own.yaml", "STUDY": "2", "TRIAL": "3", "SEED": "0",
             "QUICK": "1", "STEPS": "1,100", "JSON": "1", "TRAINER_MEMORY": "8g"}  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    request = asked(requests)
    assert (request.workload, request.variant) == ("ogbg", "gelu")
    assert (request.submission, request.ruleset) == ("/submissions/mine", "/rulesets/own.yaml")
    assert (request.study, request.trial, request.seed) == (2, 3, 0)
    assert (request.quick, request.json) == (True, True)
    assert request.evaluate_at_steps == (1, 100)
    assert request.memory_limit_bytes == 8 << 30


def test_an_early_stop_is_read(requests, monkeypatch):
    digest = "ab" * 32
    text = json.dumps({"after_seconds": 1.5, "rule": "too slow", "evidence": [digest]})
    monkeypatch.setenv("STOP", text)
    assert asked(requests).stop == EarlyStop(1.5, "too slow", (digest,))


@pytest.mark.parametrize(
    "text", ["1.5", "{}", '{"after_seconds": "x", "rule": "r", "evidence": []}']
)
def test_an_early_stop_that_is_none_is_refused(requests, monkeypatch, capsys, text):
    monkeypatch.setenv("STOP", text)
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 2
    assert "STOP is JSON with after_seconds, rule and evidence" in capsys.readouterr().err
    assert requests == []


def test_a_study_that_does_not_exist_is_not_another_one(requests, monkeypatch):
    monkeypatch.setenv("STUDY", "0")
    monkeypatch.setenv("TRIAL", "0")
    request = asked(requests)
    assert (request.study, request.trial) == (0, 0)


def test_the_referee_has_the_isolation_of_a_container_and_no_other(requests):
    request = asked(requests)
    assert (request.engine, request.isolation, request.inline) == ("local", "container", False)


def test_records_can_be_written_by_the_group_of_their_folder(requests):
    asked(requests)
    assert os.umask(0o022) == 0o002


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("8g", 8 << 30), ("512m", 512 << 20), ("4k", 4 << 10), ("1024b", 1024), ("1024", 1024),
        ("8G", 8 << 30), ("8gb", 8 << 30), ("plenty", None),
    ],
)  # fmt: skip
def test_sizes_are_read_as_compose_writes_them(requests, monkeypatch, size, expected):
    monkeypatch.setenv("TRAINER_MEMORY", size)
    assert asked(requests).memory_limit_bytes == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("STUDY", "two", "Error: STUDY is a whole number. Received: 'two'.\n"),
        ("TRIAL", "-1", "Error: TRIAL is a whole number. Received: '-1'.\n"),
        ("SEED", "1.5", "Error: SEED is a whole number. Received: '1.5'.\n"),
        ("STEPS", "1,,2", "Error: STEPS is whole numbers with commas. Received: '1,,2'.\n"),
    ],
)
def test_a_variable_that_is_wrong_is_one_line_and_exit_2(
    requests, monkeypatch, capsys, name, value, message
):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == message
    assert requests == []


def test_it_is_a_command_that_people_are_not_shown(capsys):
    shown = CliRunner().invoke(main_module.cli, ["--help"]).stdout
    assert "  run " in shown
    assert "referee" not in shown.partition("Commands:")[2]
    assert CliRunner().invoke(main_module.cli, ["referee", "--help"]).exit_code == 0


@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.parametrize("value", ["stopwatch:cpu", "", "sha256:abc"])
def test_an_image_that_is_named_by_a_tag_is_refused(name, value, monkeypatch, requests, capsys):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["referee"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"Error: {name} is an image's digest")
    assert error.endswith(f"Received: {value!r}.\n")
    assert requests == []
