"""The leaderboard in benchmarks/mini: sound evidence, and exactly what it scores to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kit import paths
from kit.cli.main import main
from kit.records.signing import parse_public_key
from kit.records.tree import verify_tree

BOARD = paths.PROJECT / "benchmarks" / "mini"
KEYS = (BOARD / "public_keys.txt").read_text().split()
FORMS = {".md": "markdown", ".csv": "csv"}
SCRIPT = (paths.PROJECT / "benchmarks" / "leaderboard.sh").read_text()


def table(text: str) -> list[str]:
    """Return the rows of the first Markdown table."""
    (first, *_) = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    return str(first).splitlines()


def test_the_evidence_is_sound_and_signed_by_the_keys_that_are_named() -> None:
    keys = [parse_public_key(key) for key in KEYS]
    report = verify_tree(BOARD / "results", trusted=keys, must_trust=True)
    assert report.ok
    assert len(report.records) >= 30


def test_the_leaderboard_is_what_the_evidence_scores_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workloads,) = re.findall(r"^workloads=(\S+)$", SCRIPT, flags=re.MULTILINE)
    results = shutil.copytree(BOARD / "results", tmp_path / "results")
    words = ["score", str(results), "--ruleset", str(BOARD / "mini.yaml")]
    words += ["--workloads", workloads, "--studies", "1", "--held-out", "none"]
    words += [f"--trusted-key={key}" for key in KEYS]
    written = {name: tmp_path / name for name in ("leaderboard.md", "leaderboard.csv")}
    words += [
        "--markdown",
        str(written["leaderboard.md"]),
        "--csv",
        str(written["leaderboard.csv"]),
    ]
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code in (0, None), capsys.readouterr().err
    for name, path in written.items():
        assert path.read_text() == (BOARD / name).read_text(), name


def test_the_readme_shows_it() -> None:
    readme = (paths.PROJECT / "README.md").read_text()
    rows = table((BOARD / "leaderboard.md").read_text())
    assert "\n".join(rows) in readme


def test_the_command_in_the_readme_makes_the_page_about_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (paths.PROJECT / "README.md").read_text()
    (words,) = re.findall(r"`kit (report benchmarks/mini\S+ [^`]*)`", readme)
    file = tmp_path / "report.html"
    words = words.replace("report.html", str(file)).replace("benchmarks/mini", str(BOARD))
    with pytest.raises(SystemExit):
        main(words.split())
    page = file.read_text()
    for row in table((BOARD / "leaderboard.md").read_text())[2:]:
        rank, submission, score, *_ = (cell.strip() for cell in row.strip("|").split("|"))
        assert f'<td>{rank}</td><th scope="row">{submission}</th><td>{score}</td>' in page
