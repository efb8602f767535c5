"""`kit bench` measures and says what it measured."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from kit.cli.main import main


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "Unknown workload 'nothing'. Choose one of: "),
        (["mnist", "--scale", "huge"], "Unknown scale of mnist 'huge'. Choose one of: full, mini"),
        (["mnist", "--submission", "none"], "Unknown submission 'none'"),
    ],
)
def test_a_wrong_name_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
