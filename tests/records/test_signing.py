"""Keys: made once, kept private, refused when exposed or damaged."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey

from kit.errors import InvalidFile, UnknownName, UsageError
from kit.records.signing import (
    PublicKey,
    create_key,
    key_names,
    key_path,
    keys_folder,
    load_key,
    load_or_create_key,
    local_keys,
    parse_public_key,
)


@pytest.fixture(autouse=True)
def _no_chosen_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STOPWATCH_KEY", "STOPWATCH_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_development_key_is_created_once_and_private(tmp_path: Path) -> None:
    previous = os.umask(0)  # a careless umask must not open the key
    try:
        key = load_or_create_key(tmp_path / "config")
    finally:
        os.umask(previous)
    folder = keys_folder(tmp_path / "config")
    assert key.name == "development key"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "development.pem").stat().st_mode & 0o777 == 0o600
    assert load_or_create_key(tmp_path / "config").public == key.public
    assert sorted(os.listdir(folder)) == [".gitignore", "development.pem"]


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from kit.records.signing import load_or_create_key;"
        "sys.stdin.read(); print(load_or_create_key(Path(sys.argv[1])).public.hex)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    for process in processes:  # all have imported, or nearly so, when the first is let go
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    assert len({process.communicate()[0] for process in processes}) == 1
    assert all(process.returncode == 0 for process in processes)


def test_key_id_is_that_of_securesystemslib(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path)
    parts = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": key.public.hex}}
    assert SSlibKey.from_dict(key.key_id, parts).keyid == key.key_id
    assert key.public.key_id == key.key_id
    assert len(key.key_id) == 64


def test_private_part_is_not_shown(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path)
    assert repr(key) == f"SigningKey('development key', {key.public.hex})"


def test_signature_verifies_only_what_was_signed(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path)
    signature = key.sign(b"data")
    assert key.public.verifies(signature, b"data")
    assert not key.public.verifies(signature, b"other")


def test_named_key_is_never_overwritten(tmp_path: Path) -> None:
    key = create_key(tmp_path, "organiser")
    with pytest.raises(UsageError, match=r"organiser.pem exists already, .* never overwritten"):
        create_key(tmp_path, "organiser")
    assert load_or_create_key(tmp_path, "organiser").public == key.public
    assert key_names(tmp_path) == ["organiser"]


def test_key_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(tmp_path, "organiser")
    monkeypatch.setenv("STOPWATCH_KEY", "organiser")
    assert load_or_create_key(tmp_path).name == "organiser"


def test_unknown_key_is_named_with_the_choices(tmp_path: Path) -> None:
    create_key(tmp_path, "organiser")
    with pytest.raises(UnknownName, match=r"Unknown key 'other'\. Choose one of: organiser\."):
        load_or_create_key(tmp_path, "other")


@pytest.mark.parametrize("name", ["", "-a", "A", "../a", "a b", "a" * 41, "a\n"])
def test_unusable_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"1 to 40 lower-case letters.*Received: --name="):
        create_key(tmp_path, name)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_exposed_key_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    load_or_create_key(tmp_path)
    path = keys_folder(tmp_path) / "development.pem"
    path.chmod(mode)
    with pytest.raises(UsageError, match=rf"mode {mode:04o}.*Fix it: chmod 600 {path}"):
        load_or_create_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_damaged_key_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    load_or_create_key(tmp_path)
    path = keys_folder(tmp_path) / "development.pem"
    path.write_bytes(content)
    with pytest.raises(InvalidFile) as caught:
        load_or_create_key(tmp_path)
    assert f"{path} is not an Ed25519 private key in PEM form" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"gone.pem: No such file or directory\. A private key"):
        load_key(tmp_path / "gone.pem")


def test_public_key_is_read_from_digits_and_from_files(tmp_path: Path) -> None:
    key = load_or_create_key(tmp_path).public
    (tmp_path / "org.pem").write_text(key.pem)
    (tmp_path / "org.hex").write_text(key.hex.upper() + "\n")
    assert parse_public_key(key.hex) == PublicKey(key.hex)
    assert parse_public_key(str(tmp_path / "org.pem")) == PublicKey(key.hex, "org")
    assert parse_public_key(str(tmp_path / "org.hex")) == PublicKey(key.hex, "org")
    assert [k.hex for k in local_keys(tmp_path)] == [key.hex]
    assert local_keys(tmp_path / "elsewhere") == []


def test_private_key_is_no_trusted_key(tmp_path: Path) -> None:
    load_or_create_key(tmp_path)
    path = keys_folder(tmp_path) / "development.pem"
    for text in (str(path), "abc", "/nowhere", "zz" * 32):
        with pytest.raises(UsageError, match="A trusted key is 64 hexadecimal digits"):
            parse_public_key(text)


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a key's file outside the folder of keys, which the environment names."""
    create_key(tmp_path / "origin", "organiser")
    path = (keys_folder(tmp_path / "origin") / "organiser.pem").rename(tmp_path / "organiser.pem")
    monkeypatch.setenv("STOPWATCH_KEY_FILE", str(path))
    return path


def test_the_file_of_a_key_follows_name_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = keys_folder(tmp_path)
    assert key_path(tmp_path) == folder / "development.pem"
    assert key_path(tmp_path, "other") == folder / "other.pem"
    monkeypatch.setenv("STOPWATCH_KEY", "organiser")
    assert key_path(tmp_path) == folder / "organiser.pem"
    assert key_path(tmp_path, "other") == folder / "other.pem"
    monkeypatch.setenv("STOPWATCH_KEY_FILE", "/run/secrets/x.pem")
    assert key_path(tmp_path) == Path("/run/secrets/x.pem")
    assert key_path(tmp_path, "other") == folder / "other.pem", "a name that is given counts more"
    monkeypatch.setenv("STOPWATCH_KEY_FILE", "")
    assert key_path(tmp_path) == folder / "organiser.pem"


def test_a_mounted_key_is_used_and_no_other_is_made(tmp_path: Path, mounted: Path) -> None:
    key = load_or_create_key(tmp_path / "config")
    assert (key.name, key.public) == ("organiser", load_key(mounted).public)
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o440])
def test_a_mounted_key_may_be_readable_by_its_group(
    tmp_path: Path, mounted: Path, mode: int
) -> None:
    mounted.chmod(mode)
    assert load_or_create_key(tmp_path / "config").name == "organiser"


@pytest.mark.parametrize("mode", [0o644, 0o642, 0o641])
def test_a_mounted_key_is_refused_when_everybody_can_reach_it(
    tmp_path: Path, mounted: Path, mode: int
) -> None:
    mounted.chmod(mode)
    with pytest.raises(UsageError, match=rf"{mounted} can be read .* \(mode {mode:04o}\)"):
        load_or_create_key(tmp_path / "config")


def test_a_mounted_key_that_is_missing_is_named_and_not_made(tmp_path: Path, mounted: Path) -> None:
    mounted.unlink()
    with pytest.raises(InvalidFile, match=rf"{mounted}: No such file or directory"):
        load_or_create_key(tmp_path / "config")
    assert not mounted.exists()


def test_a_secret_is_the_same_for_a_key_and_a_purpose_and_for_nothing_else(
    tmp_path: Path,
) -> None:
    key, other = create_key(tmp_path, "one"), create_key(tmp_path, "other")
    secret = key.derive_secret("ledger a")
    assert len(secret) == 32
    assert load_or_create_key(tmp_path, "one").derive_secret("ledger a") == secret
    assert len({secret, key.derive_secret("ledger b"), other.derive_secret("ledger a")}) == 3


def test_a_secret_cannot_be_made_of_a_published_signature(tmp_path: Path) -> None:
    key = create_key(tmp_path, "one")
    published = hashlib.sha256(key.sign(b"ledger a")).digest()
    assert key.derive_secret("ledger a") != published
