"""`kit verify`: a stranger reads what was checked, and a program reads the exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.cli.main import main
from kit.records.files import ATTESTATION, LOG
from kit.records.record import TrialState
from tests.records.factory import Results, make_trial


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    made = Results(tmp_path)
    monkeypatch.setenv("STOPWATCH_CONFIG", str(made.config))
    return made


@pytest.fixture
def stranger(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify on a machine that has no key."""
    monkeypatch.setenv("STOPWATCH_CONFIG", str(tmp_path / "nothing"))


def kit(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_sound_record_is_explained(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    written = results.run(make_trial())
    assert kit("verify", written.folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("VERIFIED: example on mnist, ruleset example, study 1, trial 1, attempt 1")
    text = "\n".join(lines)
    assert "state         target_reached: The validation metric reached the target." in text
    assert "time          6.012 s to the target, reported step 301" in text
    assert f"verdict code  {written.verdict_code}" in text
    assert "signed by     development key (trusted)" in text
    assert f"key id        {results.key.key_id}" in text
    assert "ledger        Start and end are entered in lines 3, 4, 5 of 5. Self-attested" in text
    assert "official      the run kept every condition" in text
    assert "checks passed: signature, trust, digests, order, schedule, budget, target" in text


def test_missed_target_and_unofficial_reasons_are_told(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = make_trial(state=TrialState.OUT_OF_TIME, official=False, unofficial_reasons=["a", "b"])
    assert kit("verify", results.run(trial).folder) == 0
    output = capsys.readouterr().out
    assert "time          target missed in 66.012 s of 60 s" in output
    assert "official      no: a; b" in output


@pytest.mark.usefixtures("stranger")
def test_unknown_key_is_integrity_only(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit("verify", results.run(make_trial()).folder) == 0
    output = capsys.readouterr().out
    assert output.startswith("VERIFIED (integrity only, unknown key): example on mnist")
    assert "signed by     development key (a name that anyone can choose)" in output
    assert "Note: attestation.json: Unknown key: integrity only." in output


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("report.html", b"<!doctype html>", "is a page made from records, so there is nothing in"),
        ("leaderboard.csv", b"submission,score", "is a table made from records"),
        ("curves.PNG", b"\x89PNG\r\n", "is a figure made from records"),
        (
            "results.zip",
            b"PK\x03\x04",
            "is an archive, so there is nothing in it to verify. ",
        ),
        ("old.jsonl", b'{"entry": 1}', "is not named ledger.jsonl"),
        ("empty", b"", "holds no signature"),
    ],
)
def test_a_file_that_is_no_evidence_is_not_accused_of_tampering(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert kit("verify", path) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Error: {path} {said}")
    assert "Give the folder of a record (with trial.json)" in captured.err
    assert captured.err.count("\n") == 1


def test_an_attestation_under_another_name_is_verified(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = results.run(make_trial())
    envelope = (written.folder / ATTESTATION).read_bytes()
    for content, code in ((envelope, 0), (b" \n" + envelope, 1)):
        (tmp_path / "from-wandb").write_bytes(content)
        assert kit("verify", tmp_path / "from-wandb") == code


@pytest.mark.usefixtures("stranger")
def test_trusted_key_is_asked_for_and_found(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = results.run(make_trial()).folder
    (tmp_path / "organiser.pem").write_text(results.key.public.pem)
    assert kit("verify", folder, "--trusted-key", tmp_path / "organiser.pem") == 0
    assert "signed by     organiser (trusted)" in capsys.readouterr().out
    assert kit("verify", folder, "--trusted-key", "ab" * 32) == 1
    output = capsys.readouterr().out
    assert output.startswith("DOES NOT MATCH: ")
    assert "  - attestation.json: Unknown key: integrity only." in output
    assert kit("verify", folder, "--trusted-key", "nonsense") == 2
    assert "A trusted key is 64 hexadecimal digits" in capsys.readouterr().err


def test_changed_file_is_named(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    folder = results.run(make_trial()).folder
    (folder / LOG).write_bytes(b"better")
    assert kit("verify", folder) == 1
    output = capsys.readouterr().out
    assert output.startswith("DOES NOT MATCH: example on mnist")
    assert "  - log.txt: The file was changed: its sha256 is" in output
    assert "nothing that this record claims can be believed" in output
    assert "target_reached" not in output


def test_json_has_everything(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    written = results.run(make_trial())
    assert kit("verify", written.folder, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    assert report["state"] == "target_reached"
    assert report["verdict_code"] == written.verdict_code
    assert report["signed_by"]["trusted"] is True
    assert {"check", "status", "file", "sentence"} == set(report["findings"][0])
    (written.folder / LOG).unlink()
    assert kit("verify", written.folder, "--json") == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_results_folder_lists_its_records(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (results.run(make_trial(trial=n)) for n in (1, 2))
    for path in (results.root, results.ledger.path):
        assert kit("verify", path) == 0
        output = capsys.readouterr().out
        assert output.startswith(f"VERIFIED: 2 records below {results.root}\n")
        assert "ok      example/example/mnist/study_1/trial_1  target_reached" in output
        assert first.verdict_code in output
        assert second.verdict_code in output
    (second.folder / LOG).write_bytes(b"")
    assert kit("verify", results.root) == 1
    output = capsys.readouterr().out
    assert output.startswith(f"DOES NOT MATCH: 1 of 2 records below {results.root}\n")
    assert "PROBLEM example/example/mnist/study_1/trial_2" in output
    assert "      - log.txt: The file was changed" in output
    assert kit("verify", results.root, "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["records"]) == 2


def test_broken_ledger_fails_the_folder(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    results.run(make_trial())
    lines = results.ledger.path.read_bytes().splitlines(keepends=True)
    results.ledger.path.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))
    assert kit("verify", results.root) == 1
    output = capsys.readouterr().out
    assert output.startswith("DOES NOT MATCH: 1 of 1 record below")
    assert output.count("line 2: index is 2, but 1 comes here") == 1


def test_attestation_beside_its_record_or_alone(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = results.run(make_trial()).folder
    assert kit("verify", folder / ATTESTATION) == 0
    assert "target_reached" in capsys.readouterr().out
    lone = tmp_path / "mail.json"
    shutil.copy(folder / ATTESTATION, lone)
    assert kit("verify", lone) == 0
    assert "their digests were not checked" in capsys.readouterr().out
    lone.write_bytes(b"{}")
    assert kit("verify", lone) == 1
    assert "The envelope does not end with a newline." in capsys.readouterr().out


def test_wrong_path_is_one_line(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit("verify", tmp_path / "gone") == 2
    assert "gone: no such file or folder." in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert kit("verify", tmp_path / "empty") == 2
    assert "holds no record and no ledger." in capsys.readouterr().err


def test_control_characters_of_a_record_stay_out_of_the_terminal(
    results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = results.run(make_trial(reason="\x1b[2JVERIFIED")).folder
    assert kit("verify", folder) == 0
    output = capsys.readouterr().out
    assert "\x1b[2J" not in output
    assert "\\x1b[2JVERIFIED" in output


def test_verification_imports_no_framework(results: Results) -> None:
    folder = results.run(make_trial()).folder
    program = (
        "import sys; from kit.records.verify import verify_record; from pathlib import Path;"
        "assert verify_record(Path(sys.argv[1])).ok;"
        "assert not {'tensorflow', 'keras', 'numpy', 'jax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
