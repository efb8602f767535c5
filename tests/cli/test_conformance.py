"""`kit conformance`: tables, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kit.conformance.algorithm
from kit import paths
from kit.cli.conformance import worst_of_each_kind
from kit.cli.main import main
from kit.conformance.report import Check, ConformanceReport

GOLDEN = paths.PROJECT / "tests" / "golden" / "optimizers" / "adamw.npz"
REPORTS = {
    "good": (Check("grad/a", 1e-6, 1e-5), Check("grad/b", 5e-6, 1e-5), Check("loss/mean", 0, 1e-4)),
    "bad": (Check("param.w1", 1e-6, 1e-5), Check("param.b1", float("nan"), 1e-5)),
}


@pytest.fixture
def fake_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer by the file's name, so that no model is built."""

    def check(path: Path, submission: str | None = None) -> ConformanceReport:
        return ConformanceReport(str(path), submission or "adamw", REPORTS[path.stem])

    monkeypatch.setattr(kit.conformance.algorithm, "check_algorithm", check)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["conformance", "algorithm", *arguments])
    return int(caught.value.code or 0)


@pytest.mark.usefixtures("fake_check")
def test_table_shows_the_worst_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("good.npz") == 0
    assert capsys.readouterr().out.splitlines() == [
        "adamw agrees with good.npz: 0 of 3 quantities are beyond their tolerance",
        "  worst of its kind  max error  tolerance",
        "  grad/b             5.00e-06   1.00e-05   ok",
        "  loss/mean          0.00e+00   1.00e-04   ok",
    ]


@pytest.mark.usefixtures("fake_check")
def test_verbose_shows_every_quantity(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("good.npz", "--verbose") == 0
    assert "grad/a" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_check")
def test_one_file_beyond_its_tolerance_fails_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("bad.npz", "good.npz", "--submission", "nadamw") == 1
    out = capsys.readouterr().out
    assert "nadamw DIFFERS from bad.npz: 1 of 2 quantities are beyond their tolerance" in out
    assert "param.b1           nan        1.00e-05   BEYOND" in out
    assert "nadamw agrees with good.npz" in out


@pytest.mark.usefixtures("fake_check")
def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bad.npz", "good.npz", "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert content["passed"] is False
    assert [report["passed"] for report in content["reports"]] == [False, True]
    assert content["reports"][0]["checks"][1] == {
        "quantity": "param.b1",
        "error": "nan",
        "tolerance": 1e-5,
        "passed": False,
    }


def test_bad_file_is_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(tmp_path / "no.npz")) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"Error: {tmp_path}/no.npz: no such file. Check the name."


def test_real_file_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(GOLDEN)) == 0
    assert "adamw agrees with" in capsys.readouterr().out


def test_nan_is_worse_than_any_number() -> None:
    checks = [Check("grad/a", 1e9, 1e-5), Check("grad/b", float("nan"), 1e-5)]

    assert [check.quantity for check in worst_of_each_kind(checks)] == ["grad/b"]
