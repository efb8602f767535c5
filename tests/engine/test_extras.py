"""Extra packages are unpacked once, by hash, and nothing of them is executed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kit.engine import extras
from kit.engine.extras import installed
from kit.errors import InvalidSubmission, TrialError
from kit.rules.extra_requirements import ExtraRequirement
from tests.engine.wheel_factory import make_wheel, sha256

CODE = {"alpha/__init__.py": "ANSWER = 42\n"}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refusal(requirement: ExtraRequirement, cache: Path) -> str:
    with pytest.raises((InvalidSubmission, TrialError)) as caught:
        installed([requirement], cache)
    assert str(caught.value).isprintable()
    assert list((cache / "extras").iterdir()) == [], "something half-made was left"
    return str(caught.value)


def test_wheels_are_unpacked_without_scripts_and_readable_by_all(index: Path, cache: Path) -> None:
    alpha = make_wheel(
        index,
        "alpha",
        {
            **CODE,
            "alpha-1.0.data/scripts/start": "#!python\n",
            "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\nalpha = alpha:main\n",
        },
    )
    folder = installed([alpha], cache)

    assert folder.parent == cache / "extras"
    assert listing(folder) == [
        "alpha",
        "alpha-1.0.dist-info",
        "alpha-1.0.dist-info/INSTALLER",
        "alpha-1.0.dist-info/METADATA",
        "alpha-1.0.dist-info/RECORD",
        "alpha-1.0.dist-info/REQUESTED",
        "alpha-1.0.dist-info/WHEEL",
        "alpha-1.0.dist-info/entry_points.txt",
        "alpha/__init__.py",
    ]
    assert "bin" not in (folder / "alpha-1.0.dist-info/RECORD").read_text()
    for path in (folder, *folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o444)


def test_the_same_packages_are_installed_once(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, beta = make_wheel(index, "alpha", CODE), make_wheel(index, "beta", {"beta.py": ""})
    said: list[str] = []
    first = installed([alpha, beta], cache, announce=said.append)
    assert said == ["installing 2 extra packages of the submission …"]
    monkeypatch.setenv("UV_FIND_LINKS", "/nonexistent")
    assert installed([beta, alpha], cache, announce=said.append) == first
    assert len(said) == 1
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    assert installed([alpha], cache) != first


def test_two_machines_make_the_same_folder(index: Path, tmp_path: Path) -> None:
    entry_points = {"alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\na = alpha:main\n"}
    alpha = make_wheel(index, "alpha", {**CODE, **entry_points})
    folders = [installed([alpha], tmp_path / name) for name in ("one", "another")]
    first, second = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    )
    assert first == second


def test_nothing_of_a_wheel_is_executed(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "executed"
    code = f"open({str(marker)!r}, 'w')\n"
    files = {"alpha/__init__.py": code, "alpha/setup.py": code, "alpha-1.0.data/scripts/a": code}
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    folder = installed([make_wheel(index, "alpha", files)], cache)
    assert not marker.exists()
    assert not list(folder.rglob("*.pyc"))
    subprocess.run([sys.executable, folder / "alpha" / "setup.py"], check=True)
    assert marker.exists(), "the code would have left its mark"


def test_another_wheel_than_the_locked_one_is_refused(index: Path, cache: Path) -> None:
    alpha = make_wheel(index, "alpha", CODE)
    locked = replace(alpha, sha256=("0" * 64,))
    message = refusal(locked, cache)
    assert message.startswith("requirements.lock: the wheel of alpha==1.0 is not one that was lock")
    assert alpha.sha256[0] in message


def test_no_setting_of_uv_switches_the_hashes_off(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = replace(make_wheel(index, "alpha", CODE), sha256=("0" * 64,))
    settings = tmp_path / "uv.toml"
    settings.write_text("[pip]\nverify-hashes = false\nrequire-hashes = false\n")
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_NO_VERIFY_HASHES", "1")
    assert "is not one that was locked" in refusal(alpha, cache)


def test_settings_of_the_folder_one_is_in_do_not_count(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text('[pip]\nno-binary = [":all:"]\n')
    monkeypatch.chdir(tmp_path)
    assert installed([make_wheel(index, "alpha", CODE)], cache).exists()


def test_a_package_that_would_have_to_be_built_is_refused(index: Path, cache: Path) -> None:
    source = index / "alpha-1.0.tar.gz"
    source.write_bytes(b"never opened")
    message = refusal(ExtraRequirement("alpha", "1.0", (sha256(source),)), cache)
    assert message.startswith("requirements.lock: alpha==1.0 has no wheel for CPython 3.11 on")
    assert "nothing is built" in message


def test_a_wheel_for_another_platform_is_refused(index: Path, cache: Path) -> None:
    alpha = make_wheel(index, "alpha", CODE, tag="cp311-cp311-win_amd64")
    assert "alpha==1.0 has no wheel for CPython 3.11" in refusal(alpha, cache)


def test_a_package_that_the_index_does_not_have_is_named(index: Path, cache: Path) -> None:
    make_wheel(index, "alpha", CODE, version="2.0")
    for name in ("alpha", "beta"):
        message = refusal(ExtraRequirement(name, "1.0", ("0" * 64,)), cache)
        assert message.startswith(f"requirements.lock: {name}==1.0 is not in the package index")


def test_an_index_that_cannot_be_reached_is_one_line(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    alpha = ExtraRequirement("alpha", "1.0", ("0" * 64,))
    message = refusal(alpha, cache)
    assert message.startswith("The extra packages cannot be fetched: ")
    assert "Connect to the network, or say with UV_DEFAULT_INDEX" in message
    monkeypatch.setenv("UV_OFFLINE", "1")
    assert "cannot be fetched" in refusal(alpha, cache)


def test_without_uv_the_message_says_what_to_do(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    monkeypatch.setattr(extras.shutil, "which", lambda name: None)
    assert "Run: make setup" in refusal(ExtraRequirement("alpha", "1.0", ("0" * 64,)), cache)


def test_an_unknown_failure_of_uv_is_one_line(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = make_wheel(index, "alpha", CODE)
    (index / "alpha-1.0-py3-none-any.whl").write_bytes(b"no zip file")
    damaged = replace(alpha, sha256=(sha256(index / "alpha-1.0-py3-none-any.whl"),))
    assert refusal(damaged, cache).startswith("The extra packages cannot be installed: ")


def test_what_a_killed_run_left_is_removed(index: Path, cache: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = cache / "extras" / f".unfinished-{dead.pid}-x"
    kept = cache / "extras" / f".unfinished-{os.getpid()}-x"
    left.mkdir(parents=True)
    kept.mkdir()
    folder = installed([make_wheel(index, "alpha", CODE)], cache)
    assert sorted((cache / "extras").iterdir()) == sorted([kept, folder])


def test_an_interrupted_installation_leaves_nothing(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(folder: Path) -> None:
        assert listing(folder)
        raise KeyboardInterrupt

    alpha = make_wheel(index, "alpha", CODE)
    with monkeypatch.context() as patched:
        patched.setattr(extras, "_tidy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            installed([alpha], cache)
    assert list((cache / "extras").iterdir()) == []
    assert installed([alpha], cache).exists()


def test_a_run_that_was_faster_wins(
    index: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = make_wheel(index, "alpha", CODE)
    real = extras._unpack
    made: list[Path] = []

    def overtaken(requirements: list[ExtraRequirement], target: Path) -> None:
        monkeypatch.setattr(extras, "_unpack", real)
        made.append(installed(requirements, cache))
        real(requirements, target)

    monkeypatch.setattr(extras, "_unpack", overtaken)
    assert [installed([alpha], cache)] == made
    assert list((cache / "extras").iterdir()) == made


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line(index: Path, full_disk: Path) -> None:
    big = {"alpha/data.txt": "0123456789" * 10_000}
    assert "No space left" in refusal(make_wheel(index, "alpha", big), full_disk)


def test_a_cache_that_cannot_be_written_is_one_line(index: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrialError, match=r"Not a directory.*set STOPWATCH_CACHE"):
        installed([make_wheel(index, "alpha", CODE)], tmp_path / "file")
