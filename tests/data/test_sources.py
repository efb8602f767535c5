from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from kit import paths
from kit.data.archives import TIMEOUT_SECONDS, fetch_python_package, locked_requirement
from kit.data.content import SourceFailed
from kit.data.progress import SilentProgress
from kit.data.sources import DebianPackage, LocalFile, PythonPackage, Url, source
from kit.contracts.workload_manifest import SourceEntry

LOCK = """\
# a comment
first==1.0 \\
    --hash=sha256:{0}
    # via -r data.in
first-more==2.0 \\
    --hash=sha256:{1} \\
    --hash=sha256:{2}
"""


@pytest.fixture
def lock(tmp_path, monkeypatch) -> Path:
    """Lock two packages whose archives already lie in the cache."""
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "REQUIREMENTS", tmp_path)
    archives = tmp_path / "data" / "sources" / "archives"
    wheel = archives / "first" / "first-1.0-py3-none-any.whl"
    sdist = archives / "first-more" / "first_more-2.0.tar.gz"
    for file in (wheel, sdist):
        file.parent.mkdir(parents=True)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("first/digits.csv", "1,2,3")
    (tmp_path / "digits.csv").write_text("4,5,6")
    with tarfile.open(sdist, "w:gz") as tree:
        tree.add(tmp_path / "digits.csv", "first_more-2.0/digits.csv")
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (wheel, sdist)]
    file = tmp_path / "data.lock"
    file.write_text(LOCK.format(digests[0], "f" * 64, digests[1]))
    return file


def provided(source, tmp_path: Path) -> str:
    destination = tmp_path / "result"
    source.provide(destination, SilentProgress())
    return destination.read_text()


def test_file_is_read_out_of_a_wheel(lock, tmp_path):
    assert provided(PythonPackage("first", "first/digits.csv"), tmp_path) == "1,2,3"


def test_file_is_read_out_of_a_source_archive(lock, tmp_path):
    source = PythonPackage("first-more", "first_more-2.0/digits.csv")
    assert provided(source, tmp_path) == "4,5,6"


def test_archive_itself_is_an_original_without_a_member(lock, tmp_path):
    PythonPackage("first").provide(tmp_path / "archive", SilentProgress())
    folder = tmp_path / "data" / "sources" / "archives" / "first"
    assert (tmp_path / "archive").read_bytes() == next(folder.iterdir()).read_bytes()
    assert source(SourceEntry(python_package="first")) == PythonPackage("first")


def test_missing_member_is_named(lock, tmp_path):
    with pytest.raises(
        SourceFailed, match=r"first-1\.0-py3-none-any\.whl has no file first/x\.csv"
    ):
        provided(PythonPackage("first", "first/x.csv"), tmp_path)


def test_package_without_a_pin_is_refused(lock, tmp_path):
    with pytest.raises(SourceFailed, match=r"data\.lock does not pin it"):
        provided(PythonPackage("second", "x"), tmp_path)


def test_requirement_is_found_by_its_whole_name_with_all_hashes(lock):
    assert locked_requirement("first", lock).count("--hash") == 1
    assert locked_requirement("first-more", lock).count("--hash") == 2


def test_archive_with_another_hash_is_fetched_again(lock, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "sources" / "archives" / "first"
    next(folder.iterdir()).write_bytes(b"altered")
    seen: list[list[str]] = []

    def refuse(command, **options):
        seen.append(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: no network\n\n")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(SourceFailed, match=r"^ERROR: no network$"):
        fetch_python_package("first", lock, folder)
    assert seen[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--require-hashes"} <= set(seen[0])


def test_command_that_hangs_is_given_up(lock, monkeypatch, tmp_path):
    def hang(command, **options):
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(SourceFailed, match=f"no answer within {TIMEOUT_SECONDS} s"):
        fetch_python_package("first", lock, tmp_path / "elsewhere")


@pytest.fixture
def debian(tmp_path, monkeypatch) -> Path:
    """Put a Debian package with one file into the cache."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is not installed")
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path / "data"))
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: toy\nVersion: 1\nArchitecture: all\n"
        "Maintainer: x <x@example.org>\nDescription: x\n"
    )
    (tree / "usr/share").mkdir(parents=True)
    (tree / "usr/share/digits").write_text("7,8,9")
    folder = tmp_path / "data" / "sources" / "archives" / "toy"
    folder.mkdir(parents=True)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(folder / "toy.deb")],
        check=True,
        capture_output=True,
    )
    return folder / "toy.deb"


def test_file_is_read_out_of_a_debian_package(debian, tmp_path):
    assert provided(DebianPackage("toy", "usr/share/digits"), tmp_path) == "7,8,9"


def test_missing_file_in_a_debian_package_is_named(debian, tmp_path):
    with pytest.raises(SourceFailed, match=r"toy\.deb has no file usr/share/absent"):
        provided(DebianPackage("toy", "usr/share/absent"), tmp_path)


def test_damaged_debian_package_is_thrown_away(debian, tmp_path):
    debian.write_bytes(b"garbage")
    with pytest.raises(SourceFailed):
        provided(DebianPackage("toy", "usr/share/digits"), tmp_path)
    assert not debian.exists()


def test_machine_without_debian_tools_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("STOPWATCH_DATA", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SourceFailed, match=r"^apt-get and dpkg-deb are not installed$"):
        provided(DebianPackage("toy", "x"), tmp_path)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"file": "/x"}, LocalFile(Path("/x"))),
        ({"url": "https://x"}, Url("https://x")),
        ({"python_package": "a", "member": "b"}, PythonPackage("a", "b")),
        ({"debian_package": "a", "member": "b"}, DebianPackage("a", "b")),
    ],
)
def test_each_kind_of_source_is_read(entry, expected):
    assert source(SourceEntry(**entry)) == expected
