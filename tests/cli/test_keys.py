"""`kit keys`: the public part is shown, the private part never."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.records.signing import create_key, keys_folder, parse_public_key


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    return tmp_path / "config"


def kit(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def private_part(config: Path, name: str) -> str:
    return "".join((keys_folder(config) / f"{name}.pem").read_text().splitlines()[1:-1])


def test_init_creates_a_named_key(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kit("keys", "init", "--name", "organiser") == 0
    output = capsys.readouterr().out
    assert output.startswith("name        organiser\n")
    assert str(keys_folder(config) / "organiser.pem") in output
    assert private_part(config, "organiser") not in output


def test_init_without_a_name_creates_the_development_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kit("keys", "init") == 0
    assert "name        development key" in capsys.readouterr().out


def test_init_refuses_to_overwrite(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_key(config, "organiser")
    before = private_part(config, "organiser")
    assert kit("keys", "init", "--name", "organiser") == 2
    assert "organiser.pem exists already" in capsys.readouterr().err
    assert private_part(config, "organiser") == before


def test_show_prints_what_others_need(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = create_key(config, "organiser")
    create_key(config)
    assert kit("keys", "show") == 0
    output = capsys.readouterr().out
    assert f"key id      {key.key_id}" in output
    assert f"public key  {key.public.hex}" in output
    assert key.public.pem.strip() in output
    assert "name        development key" in output
    assert private_part(config, "organiser") not in output.replace("\n", "")
    assert "PRIVATE" not in output


def test_show_json_can_be_read_back(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = create_key(config, "organiser")
    create_key(config)
    assert kit("keys", "show", "--name", "organiser", "--json") == 0
    output = capsys.readouterr().out
    (shown,) = json.loads(output)["keys"]
    assert shown == {
        "name": "organiser",
        "key_id": key.key_id,
        "public_key": key.public.hex,
        "public_key_pem": key.public.pem,
    }
    assert private_part(config, "organiser") not in output
    assert parse_public_key(shown["public_key"]).hex == key.public.hex


def test_show_without_a_key_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert kit("keys", "show") == 2
    assert "Create one with `kit keys init`" in capsys.readouterr().err


def test_show_names_the_choices(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_key(config, "organiser")
    assert kit("keys", "show", "--name", "other") == 2
    message = "Unknown key 'other'. Choose one of: organiser. Received: --name=other."
    assert message in capsys.readouterr().err
