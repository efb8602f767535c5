"""`kit bench` measures and says what it measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from kit import registry
from kit.cli.main import main
from kit.engine.bench import measure


def test_bench_reports_steps_compilation_memory_and_machine() -> None:
    arguments = ["bench", "mnist", "--synthetic", "--steps", "5", "--batch-size", "16", "--json"]
    code = f"from kit.cli.main import main; main({arguments!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    report = json.loads(done.stdout)
    assert report["steps"] == 5
    assert report["batch_size"] == 16
    assert report["median_ms"] > 0
    assert report["quartiles_ms"][0] <= report["median_ms"] <= report["quartiles_ms"][1]
    assert 0 <= report["data_wait_share"] < 1
    assert report["peak_memory_bytes"] > 10**7
    assert report["versions"]["tensorflow"]


def test_all_gives_a_row_or_a_reason_for_every_workload(tmp_path) -> None:
    """Without prepared data and sources, nothing can be measured: said for each, exit status 1."""
    code = "from kit.cli.main import main; main()"
    arguments = ["bench", "--all", "--scale", "full", "--steps", "2"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        env={**os.environ, "STOPWATCH_DATA": str(tmp_path), "http_proxy": "http://127.0.0.1:9"},
    )
    assert done.returncode == 1
    for name in registry.workload_names():
        assert re.search(rf"^{name} ", done.stdout, re.MULTILINE), name
    assert "imagenet_vit (full) cannot be prepared by this version" in done.stderr


def test_full_scale_takes_the_small_batch_and_model_of_the_manifest() -> None:
    report = measure(
        "criteo1tb", scale="full", variant=None, submission="adamw", batch_size=8, steps=1,
        synthetic=True, xla=None, announce=print,
    )  # fmt: skip
    assert report["smaller_model"] == {"vocab_size": 65536}
    assert report["batch_size"] == 8
    assert report["peak_memory_bytes"] < 8e9


@pytest.mark.parametrize(
    "arguments",
    [[], ["mnist", "--all"], ["--all", "--batch-size", "3"], ["--all", "--variant", "x"]],
)
def test_one_workload_or_all(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert "--all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "Unknown workload 'nothing'. Choose one of: "),
        (["mnist", "--scale", "huge"], "Unknown scale of mnist 'huge'. Choose one of: full, mini"),
        (["mnist", "--submission", "none"], "Unknown submission 'none'"),
        (["--all", "--scale", "huge"], "Unknown scale 'huge'. Choose one of: full, mini"),
        (["--all", "--submission", "none"], "Unknown submission 'none'"),
    ],
)
def test_a_wrong_name_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
