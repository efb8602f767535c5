from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit import paths
from kit.cli.list import list_
from kit.cli.tables import Table, print_tables
from kit.errors import UnknownName

WORKLOAD = """\
description: Digits.
metric: accuracy
loss_type: softmax_cross_entropy
scales: {mini: {}}
"""
MANIFEST = """\
name: tuned
authors: [Ada Lovelace]
description: "Tuned \\e[2J\\nwell [bold]."
batch_sizes: {mini: {digits: 32}}
tuning: {default: {points: [{a: 1}]}, mini: {fixed: {a: 1}}}
"""


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace workloads and submissions; the rulesets are the kit's own."""
    for name, path, content in (
        ("WORKLOADS", "mnist/workload.yaml", WORKLOAD),
        ("SUBMISSIONS", "tuned/submission.yaml", MANIFEST),
    ):
        folder = tmp_path / name
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(content)
        monkeypatch.setattr(paths, name, folder)


def output(*arguments: str) -> str:
    return CliRunner().invoke(list_, arguments, catch_exceptions=False).stdout


def test_workloads_are_listed_built_ones_first() -> None:
    title, header, mnist, *others = output("workloads").splitlines()

    assert title == "Workloads:"
    assert header.split() == ["workload", "scales", "metric", "variants", "description"]
    assert mnist.split() == ["mnist", "mini", "accuracy", "0", "Digits."]
    assert others[-1].split() == ["wmt", "not", "built", "yet", "bleu", "-", "-"]


def test_submissions_are_listed() -> None:
    row = output("submissions").splitlines()[2]

    assert row == "tuned       default: points, mini: fixed  Tuned \\x1b[2J well [bold]."


def test_rulesets_are_listed() -> None:
    rows = output("rulesets").splitlines()[2:]

    assert [row.split()[0] for row in rows] == [
        "algoperf-0.5",
        "algoperf-0.6",
        "algoperf-0.6-qualification",
        "mini",
    ]
    assert rows[-1].split()[1:8] == ["mini", "1", "of", "6", "3", "×", "2"]


def test_without_an_argument_everything_is_listed() -> None:
    everything = output()

    assert everything == "\n".join(map(output, ("workloads", "submissions", "rulesets")))


def test_json_has_what_a_program_needs() -> None:
    found = json.loads(output("--json"))

    assert list(found) == ["workloads", "submissions", "rulesets"]
    assert found["workloads"][0]["built"] is True
    assert found["submissions"][0]["tuning"] == {"default": "points", "mini": "fixed"}
    assert found["rulesets"][-1]["available_workloads"] == ["mnist"]
    assert list(json.loads(output("rulesets", "--json"))) == ["rulesets"]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownName) as caught:
        output("workload")
    assert str(caught.value) == (
        "Unknown kind of thing to list 'workload'. Choose one of: rulesets, submissions, "
        "workloads. Received: 'workload'."
    )


def test_a_terminal_gets_a_drawn_table_without_control_characters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    print_tables([Table("Title", ("name", "text"), [("a", "[red]\x1b[2J\nb")])])
    drawn = capsys.readouterr().out

    assert "─" in drawn
    assert "[red]\\x1b[2J b" in drawn


@pytest.mark.parametrize("arguments", [["list"], ["show", "mini"], ["--help"]])
def test_no_framework_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from kit.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "found = {'tensorflow', 'keras', 'jax', 'numpy', 'rich'} & set(sys.modules)\n"
        "print('imported:', sorted(found))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=paths.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.splitlines()[-1] == "imported: []"
