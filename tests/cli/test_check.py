"""`kit check`: what it prints, what it exits with, and what a placebo is compared with."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from kit import paths
from kit.cli import check as module
from kit.contracts.target import Target
from kit.errors import InvalidSubmission, KitError, NotAvailable, TrialError, UsageError
from kit.referee.placebo import PlaceboVerdict

ACCURACY = Target(metric="accuracy", higher_is_better=True, validation=0.9)
LOSS = Target(metric="loss", higher_is_better=False, validation=0.4)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(module.check, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "copied"
    shutil.copytree(paths.SUBMISSIONS / "nadamw", copy)
    return copy


def add_import(folder: Path) -> int:
    """Add an import that a reviewer should look at; return its line."""
    code = (folder / "submission.py").read_text()
    (folder / "submission.py").write_text(code + "import subprocess\n")
    return len(code.splitlines()) + 1


def test_a_clean_submission_exits_with_0_and_shows_sizes_and_hyperparameters() -> None:
    result = run("nadamw")
    assert result.return_value == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "submission nadamw, under ruleset mini" in lines
    assert "files submission.py, submission.yaml" in lines
    assert any(line.endswith("when compressed (at most 16,384)") for line in lines)
    assert "packages none" in lines
    assert any(line.startswith("hyperparameters learning_rate, one_minus") for line in lines)
    assert "code nothing was found; that is no proof" in lines


def test_what_a_reviewer_should_look_at_exits_with_1(folder: Path) -> None:
    line = add_import(folder)
    (folder / "requirements.lock").write_text(f"alpha==1.0 --hash=sha256:{'a' * 64}\n")
    result = run(str(folder))
    assert result.return_value == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"look at submission.py:{line}: imports subprocess" in lines
    assert "packages alpha==1.0" in lines
    assert (
        "not official requirements.lock adds wheels that ruleset mini does not allow by name, "
        "version and sha256: alpha==1.0" in lines
    )


def test_json_has_the_same_facts(folder: Path) -> None:
    line = add_import(folder)
    facts = json.loads(run(str(folder), "--json").stdout)
    what = "imports subprocess"
    assert facts["findings"] == [{"file": "submission.py", "line": line, "what": what}]
    assert facts["flagged"] is True
    assert facts["placebo"] is None
    assert facts["compressed_bytes"] < facts["max_compressed_bytes"] == 16384


def test_each_ruleset_has_its_own_limit(folder: Path) -> None:
    noise = base64.b85encode(np.random.default_rng(0).bytes(16_384))
    (folder / "notes.md").write_bytes(noise)
    with pytest.raises(InvalidSubmission, match="and the ruleset allows 16,384"):
        run(str(folder))
    assert "(at most 65,536)" in run(str(folder), "--ruleset", "algoperf-0.6").stdout


@pytest.mark.parametrize("option", [("--workload", "mnist"), ("--trial", "1")])
def test_options_of_a_placebo_need_it(option: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="Add --placebo"):
        run("nadamw", *option)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Replace the trials of placebos by a table of results."""
    ran: list[tuple[Any, ...]] = []
    best = {"nadamw": 0.2, "adamw": 0.25, "heavy_ball": 0.6, "nesterov": 0.95}

    def trial(name: str, ruleset: Any, workload: str, number: int, *, as_json: bool) -> float:
        ran.append((name, workload, number))
        return best[name]

    monkeypatch.setattr(module, "_trial", trial)
    monkeypatch.setenv("STOPWATCH_CACHE", str(tmp_path / "cache"))
    return ran


@pytest.mark.parametrize(
    ("name", "flagged"),
    [("nadamw", False), ("adamw", False), ("heavy_ball", True), ("nesterov", True)],
)
def test_a_placebo_is_compared_with_that_of_the_reference(
    name: str, flagged: bool, trials: list[tuple[Any, ...]]
) -> None:
    result = run(name, "--placebo", "--trial", "2")
    assert result.return_value == int(flagged)
    assert trials == [("nadamw", "mnist", 1), (name, "mnist", 2)]
    said = result.stdout.splitlines()[-1]
    assert ("flagged: it knows what it was not taught" in said) == flagged
    assert "the reference's is 0.2, the target 0.922, the limit 0.3805." in said


def test_the_placebo_of_the_reference_runs_once(trials: list[tuple[Any, ...]]) -> None:
    run("adamw", "--placebo")
    facts = json.loads(run("nesterov", "--placebo", "--json").stdout)
    assert [name for name, *_ in trials] == ["nadamw", "adamw", "nesterov"]
    assert facts["placebo"] == {
        "workload": "mnist", "metric": "accuracy", "best": 0.95, "reference": 0.2,
        "target": 0.922, "limit": pytest.approx(0.3805), "flagged": True,
    }  # fmt: skip
    run("adamw", "--placebo", "--workload", "imagenet_vit")
    assert trials[-2:] == [("nadamw", "imagenet_vit", 1), ("adamw", "imagenet_vit", 1)]


@pytest.mark.parametrize(
    ("target", "best", "reference", "flagged"),
    [
        (ACCURACY, 0.37, 0.2, False),
        (ACCURACY, 0.38, 0.2, True),
        (LOSS, 0.58, 0.6, False),
        (LOSS, 0.55, 0.6, True),
        (LOSS, 0.7, 0.6, False),
    ],
)
def test_a_quarter_of_the_way_to_the_target_is_flagged(
    target: Target, best: float, reference: float, flagged: bool
) -> None:
    assert PlaceboVerdict.of(best, reference, target).flagged == flagged


@pytest.mark.parametrize(("target", "reference"), [(ACCURACY, 0.9), (LOSS, 0.3)])
def test_a_reference_that_reaches_the_target_tells_nothing(
    target: Target, reference: float
) -> None:
    with pytest.raises(TrialError, match="gives no verdict, because the reference reaches"):
        PlaceboVerdict.of(0.5, reference, target)


def test_a_workload_without_labels_of_its_own_has_no_placebo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STOPWATCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("kit.cli.trial.ready", lambda request, view: None)
    with pytest.raises(NotAvailable, match=r"no placebo of fastmri \(mini\)"):
        run("nadamw", "--placebo", "--workload", "fastmri")
    with pytest.raises(KitError, match="Unknown workload 'nmist'"):
        run("nadamw", "--placebo", "--workload", "nmist")
