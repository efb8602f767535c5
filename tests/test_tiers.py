from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from kit import paths
from tests.tiers import rotated

TESTS = """
import pytest
def test_quick(): pass
@pytest.mark.{marker}
def test_marked(): pass
"""


@pytest.fixture
def run(tmp_path: Path):
    """Return a function that runs pytest over three files of two tests each."""
    for name, marker in (("a", "slow"), ("b", "docker"), ("c", "slow")):
        (tmp_path / f"test_{name}.py").write_text(TESTS.format(marker=marker))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n  docker\n")

    def run(*options: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-v", "-p", "tests.tiers", *options, tmp_path]
        result = subprocess.run(
            list(map(str, command)), cwd=paths.PROJECT, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout.splitlines()

    return run


def test_the_commit_chooses_the_file_to_begin_with() -> None:
    items = [SimpleNamespace(path=file, name=f"{file}{n}") for file in "abc" for n in (1, 2)]
    orders = {hash_: [i.name for i in rotated(items, hash_)] for hash_ in ("0", "1", "5", "00b")}
    assert orders["0"] == ["a1", "a2", "b1", "b2", "c1", "c2"]
    assert orders["1"] == ["b1", "b2", "c1", "c2", "a1", "a2"]
    assert orders["5"] == orders["00b"] == ["c1", "c2", "a1", "a2", "b1", "b2"]
    assert rotated([], "1") == []


def test_no_test_begins_when_the_time_is_up_and_what_is_left_is_named(run, tmp_path: Path) -> None:
    names = tmp_path / "names"
    lines = run("--minutes", "0", "--rotate-by", "2", "--not-run", str(names), "-m", "not docker")
    late = names.read_text().split()
    assert [name.rpartition("/")[2] for name in late] == [
        *("test_c.py::test_quick", "test_c.py::test_marked"),
        *("test_a.py::test_quick", "test_a.py::test_marked", "test_b.py::test_quick"),
    ]
    at = lines.index("Time is up; 5 tests did not run:")
    assert [line.strip() for line in lines[at + 1 : at + 6]] == late
    assert "Not selected, so not run: 1 docker." in lines


def test_what_was_not_selected_is_counted_by_all_processes_and_the_rest_runs(run) -> None:
    lines = run("-m", "not slow and not docker", "-n", "2", "--minutes", "10")
    assert "Not selected, so not run: 1 docker, 2 slow." in lines
    assert sum(" PASSED" in line for line in lines) == 3
