"""Which key would sign, and whether the data is what it should be."""

from __future__ import annotations

import json

import pytest

from kit import paths
from kit.data.prepared import PARTS, manifest_bytes, scale_folder
from kit.doctor import Level, project
from kit.records.signing import create_key
from kit.referee import trial


@pytest.fixture(autouse=True)
def no_key_named(monkeypatch):
    monkeypatch.delenv("STOPWATCH_KEY", raising=False)
    monkeypatch.delenv("STOPWATCH_KEY_FILE", raising=False)


def test_a_machine_without_keys_is_told_what_will_happen_and_gets_none(tmp_path):
    finding = project.signing_key(tmp_path)
    assert (finding.level, finding.text) == (
        Level.OK,
        "none yet: the first trial makes a development key",
    )
    assert list(tmp_path.iterdir()) == []


def test_the_key_that_would_sign_is_named(tmp_path, monkeypatch):
    development, organiser = create_key(tmp_path), create_key(tmp_path, "organiser")
    assert project.signing_key(tmp_path).text == (
        f"development key {development.public.hex[:16]}… signs; all in {tmp_path / 'keys'} are"
        " readable by you alone"
    )
    monkeypatch.setenv("STOPWATCH_KEY", "organiser")
    text = project.signing_key(tmp_path).text
    assert text.startswith(f"organiser {organiser.public.hex[:16]}… signs (STOPWATCH_KEY); all in")


def test_a_mounted_key_is_named(tmp_path, monkeypatch):
    key = create_key(tmp_path / "elsewhere", "organiser")
    file = tmp_path / "elsewhere" / "keys" / "organiser.pem"
    monkeypatch.setenv("STOPWATCH_KEY_FILE", str(file))
    assert project.signing_key(tmp_path).text == (
        f"organiser {key.public.hex[:16]}… signs; it is {file} (STOPWATCH_KEY_FILE)"
    )


def test_a_named_key_that_does_not_exist_prevents_running(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_KEY", "organiser")
    finding = project.signing_key(tmp_path)
    assert finding.level is Level.ERROR
    assert finding.text == (
        f"STOPWATCH_KEY=organiser: there is no key of that name in {tmp_path / 'keys'}"
    )
    assert finding.fix == "kit keys init --name organiser, or unset STOPWATCH_KEY"


def test_a_key_that_others_can_read_is_found_and_prevents_running_if_it_signs(tmp_path):
    create_key(tmp_path)
    create_key(tmp_path, "spare")
    spare = tmp_path / "keys" / "spare.pem"
    spare.chmod(0o644)
    finding = project.signing_key(tmp_path)
    assert (finding.level, finding.fix) == (Level.WARNING, f"chmod 600 {spare}")
    assert finding.text == f"others can read {spare}"
    (tmp_path / "keys" / "development.pem").chmod(0o640)
    assert project.signing_key(tmp_path).level is Level.ERROR


def test_a_damaged_key_prevents_running(tmp_path):
    create_key(tmp_path)
    (tmp_path / "keys" / "development.pem").write_text("secret")
    finding = project.signing_key(tmp_path)
    assert finding.level is Level.ERROR
    assert "is not an Ed25519 private key in PEM form" in finding.text
    assert finding.fix.startswith("restore it from a copy")


@pytest.fixture
def workloads(tmp_path, monkeypatch):
    """Make two workloads: `digits` is prepared at two scales, `words` not at all."""
    monkeypatch.setattr(paths, "WORKLOADS", tmp_path / "workloads")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    original = {"sha256": "0" * 64, "sources": [{"file": "x"}]}
    about = {"description": "Digits.", "metric": "accuracy", "loss_type": "softmax_cross_entropy"}
    scales = {scale: {"originals": {"x": original}} for scale in ("mini", "full")}
    for name in ("digits", "words"):
        folder = tmp_path / "workloads" / name
        folder.mkdir(parents=True)
        (folder / "workload.yaml").write_text(json.dumps({**about, "scales": scales}))
    for scale in scales:
        for part in PARTS:
            folder = scale_folder("digits", scale) / part
            folder.mkdir(parents=True)
            (folder / "x.npy").write_bytes(b"1234" * (1 if scale == "mini" else 100))
            (folder / "manifest.json").write_bytes(manifest_bytes(folder))


def test_small_data_is_read_in_full_and_large_data_is_measured(workloads):
    finding = project.data(checked_bytes=500)
    assert finding.level is Level.OK
    assert finding.text == (
        "every byte verified: digits; by size alone (to read them: kit data verify): digits (full);"
        " prepared on first use: words"
    )


def test_altered_bytes_are_found(workloads):
    (scale_folder("digits", "mini") / "train" / "x.npy").write_bytes(b"1235")
    file = scale_folder("digits", "full") / "evaluation" / "x.npy"
    file.unlink()
    finding = project.data()
    assert finding.level is Level.WARNING
    altered = scale_folder("digits", "mini") / "train" / "x.npy"
    assert finding.text == (
        f"damaged: digits: {altered} has been altered; digits (full): {file} is missing"
    )
    assert finding.fix == "kit data prepare digits && kit data prepare digits --scale full"


def test_altered_bytes_of_large_data_are_left_to_kit_data_verify(workloads):
    file = scale_folder("digits", "full") / "train" / "x.npy"
    file.write_bytes(b"1235" * 100)
    assert project.data(checked_bytes=500).level is Level.OK
    assert project.data().level is Level.WARNING


def test_a_workload_without_a_readable_definition_is_left_out(workloads):
    (paths.WORKLOADS / "words" / "workload.yaml").write_text("{")
    assert "words" not in project.data().text


def test_as_much_is_read_as_the_referee_reads_before_a_trial():
    assert project.CHECKED_BYTES == trial._CHECKED_BYTES
