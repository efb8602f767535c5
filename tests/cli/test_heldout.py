"""`kit heldout` and `kit freeze`: three steps and a check, in words and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kit.cli.main import main
from tests.records.held_out import MANIFEST, ruleset_text

PROMISE = ("--public-value-will-be", "drand round 12345")
CODE = 'HYPERPARAMETERS = {"x": {"meaning": "any"}}\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a ruleset, two submissions and a private folder."""
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(ruleset_text())
    for name in ("ada", "grace"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "submission.yaml").write_text(MANIFEST.format(name=name))
        (tmp_path / name / "submission.py").write_text(CODE)
    return tmp_path


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def commit(*more: str) -> int:
    return kit("heldout", "commit", "--ruleset", "tiny.yaml", "--folder", "public", *PROMISE, *more)


def freeze(*words: str) -> int:
    return kit("freeze", *words, "--ruleset", "tiny.yaml", "--folder", "public")


def reveal(value: str, *more: str) -> int:
    words = ("--ruleset", "tiny.yaml", "--folder", "public", "--public-value", value)
    return kit("heldout", "reveal", *words, *more)


def check(*more: str) -> int:
    return kit("heldout", "check", "--folder", "public", *more)


def nonce(home: Path) -> str:
    (path,) = (home / "config" / "held-out").glob("*.nonce")
    return path.read_text().strip()


def test_a_draw_from_commit_to_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commit() == 0
    output = capsys.readouterr().out
    assert output.startswith("public/commit.json: committed, for ruleset tiny.\nsha256 ")
    assert nonce(home) not in output
    assert check() == 0
    output = capsys.readouterr().out
    assert output.startswith("VERIFIED SO FAR: public\n")
    assert "freeze-1.json: No submission is frozen yet." in output

    assert freeze("ada") == 0
    assert freeze("ada", "grace") == 0
    output = capsys.readouterr().out
    assert "public/freeze-1.json: 1 submission frozen, 1 new." in output
    assert "public/freeze-2.json: 2 submissions frozen, 1 new." in output
    assert "before the public value can be known" in output

    assert reveal("5f3759df") == 0
    base, variant = capsys.readouterr().out.splitlines()[1].split()
    assert check("--submission", "ada") == 0
    output = capsys.readouterr().out
    assert output.startswith(f"VERIFIED: {base}: {variant}\n")
    assert "  ok       freeze-2.json: Submission 'ada' is as it was frozen: " in output
    assert "promised was 'drand round 12345'. Look it up" in output
    assert "This kit has no ruleset 'tiny'" in output
    assert "The files alone do not prove when they were made" in output


def test_json_has_what_a_program_needs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert commit("--json") == 0
    output = capsys.readouterr().out
    committed = json.loads(output)
    assert nonce(home) not in output
    assert committed["public_value_will_be"] == "drand round 12345"
    words = ("ada", "grace", "--ruleset", "tiny.yaml", "--folder", "public", "--json")
    assert kit("freeze", *words) == 0
    frozen = json.loads(capsys.readouterr().out)
    assert frozen["added"] == ["ada", "grace"]
    assert reveal("5f3759df", "--json") == 0
    revealed = json.loads(capsys.readouterr().out)
    assert revealed["nonce"] == nonce(home)

    assert check("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["commit_sha256"] == committed["sha256"]
    assert report["freeze_sha256"] == frozen["sha256"]
    assert report["reveal_sha256"] == revealed["sha256"]
    assert report["choice"] == revealed["choice"]
    assert report["frozen"] == frozen["frozen"]
    assert report["public_value"] == "5f3759df"
    assert report["signed_by"]["trusted"] is True


def test_a_mismatch_is_named_and_exits_with_1(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit()
    freeze("ada")
    reveal("5f3759df")
    (home / "public" / "tiny.yaml").write_text(ruleset_text() + "# changed\n")
    capsys.readouterr()
    assert check() == 1
    output = capsys.readouterr().out
    assert output.startswith("DOES NOT MATCH: public\n")
    assert "  PROBLEM  tiny.yaml: Not the ruleset that was committed to" in output
    assert check("--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["choice"] is None


def test_a_changed_or_unknown_submission_is_a_mismatch(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit()
    freeze("ada")
    assert check("--submission", "grace") == 1
    assert "PROBLEM  freeze-1.json: Submission 'grace' (" in capsys.readouterr().out
    (home / "ada" / "submission.py").write_text(CODE + "better = True\n")
    assert check("--submission", "ada") == 1
    assert "PROBLEM  freeze-1.json: Submission 'ada' was changed: " in capsys.readouterr().out


def test_another_ruleset_and_another_key_are_mismatches(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit()
    assert check("--ruleset", "mini") == 1
    assert "not about this 'mini'" in capsys.readouterr().out
    assert check("--trusted-key", "ab" * 32) == 0  # signed by a key of one's own
    (home / "config").rename(home / "away")
    assert check() == 0
    assert "note     commit.json: Unknown key" in capsys.readouterr().out
    assert check("--trusted-key", "ab" * 32) == 1
    assert "PROBLEM  commit.json: Unknown key" in capsys.readouterr().out


def test_the_shipped_ruleset_is_compared_with_this_kits(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit("heldout", "commit", "--ruleset", "mini", "--folder", "public", *PROMISE) == 0
    assert check() == 0
    assert "mini.yaml: The same as 'mini' in this kit." in capsys.readouterr().out


def test_a_shipped_ruleset_that_differs_is_noted(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "mini.yaml").write_text(ruleset_text().replace("name: tiny", "name: mini"))
    assert kit("heldout", "commit", "--ruleset", "./mini.yaml", "--folder", "public", *PROMISE) == 0
    assert check() == 0
    assert "mini.yaml: Not the same as 'mini' in this kit" in capsys.readouterr().out


@pytest.mark.usefixtures("home")
def test_wrong_requests_are_one_line_and_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    def said(code: int) -> str:
        assert code == 2
        error = capsys.readouterr().err
        assert error.startswith("Error: ")
        assert error.count("\n") == 1
        return error

    assert "--folder FOLDER, or --ruleset NAME" in said(kit("heldout", "check"))
    assert "public: No such file or directory" in said(check())
    assert "Run `kit heldout commit` first" in said(freeze("ada"))
    assert "draws no held-out variants" in said(
        kit("heldout", "commit", "--ruleset", "algoperf-0.6", *PROMISE)
    )
    commit()
    capsys.readouterr()
    assert "a commitment is never replaced" in said(commit())
    assert "Run `kit freeze` first" in said(reveal("0"))
    assert "Unknown submission 'nobody'" in said(freeze("nobody"))
    assert "'ada' is given twice" in said(freeze("ada", "./ada"))
    Path("ada/odd name.py").write_text("")
    assert "Rename or remove it" in said(freeze("ada"))
    Path("grace/submission.yaml").write_text(MANIFEST.format(name="'gr\\u00e4ce'"))
    assert "name: must match the pattern" in said(freeze("grace"))
    Path("empty").mkdir()
    assert "holds no statement" in said(kit("heldout", "check", "--folder", "empty"))
    assert "freeze-1.json" not in {path.name for path in Path("public").iterdir()}


@pytest.mark.usefixtures("home")
def test_a_submission_that_cannot_run_is_not_frozen(capsys: pytest.CaptureFixture[str]) -> None:
    commit()
    manifest = MANIFEST.format(name="ada").replace("default:", "mini:")
    Path("ada/submission.yaml").write_text(manifest)
    assert freeze("ada") == 2
    assert "no tuning for ruleset tiny" in capsys.readouterr().err


def test_control_characters_of_a_stranger_are_not_printed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commit()
    path = home / "public" / "commit.json"
    path.write_text(path.read_text().replace('"payload"', '"pay\x1b[31mload"'))
    capsys.readouterr()
    assert check() == 1
    assert "\x1b" not in capsys.readouterr().out
