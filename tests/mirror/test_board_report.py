"""The report at W&B: specified without a network, and one report however often it is sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import tests.wandb_server.listing_operations
import tests.wandb_server.report_operations  # noqa: F401  # they register
from kit.cli.report_wandb import board_of, write_wandb
from kit.cli.score_page import Scored
from kit.mirror.board_report import build_report, specification
from kit.records.tree import verify_tree
from kit.scoring.leaderboard import score
from kit.scoring.reading.load import Request, load
from tests.records.factory import Results
from tests.scoring.reading import records_factory

OPTIONS = {"entity": "team", "project": "stopwatch", "key_file": None, "timeout": 60}
_SPECIFY = """
import json, sys, pickle
from kit.mirror.board_report import build_report, specification
board = pickle.load(open(sys.argv[1], "rb"))
report = build_report(board, entity="team", project="stopwatch", app_url="https://wandb.ai")
print(json.dumps(specification(report), sort_keys=True))
"""


@pytest.fixture
def read(tmp_path):
    """Return a scored leaderboard and the reports of its records."""
    results, ruleset = Results(tmp_path / "scored"), records_factory.ruleset_file(tmp_path)
    for study in (1, 2):
        records_factory.run(results, ruleset, "first", study=study)
    loaded = load(Request(paths=[results.root], ruleset=ruleset))
    scored = Scored(loaded, score(loaded.results, resamples=0), (), {})
    return scored, verify_tree(results.root).records


def test_specification_leads_from_the_verdict_to_the_evidence(read):
    board = board_of(*read)
    report = build_report(board, entity="team", project="stopwatch", app_url="https://wandb.ai")
    text = json.dumps(specification(report))
    places = [
        text.index(words)
        for words in (
            "**Verified**: 2 of 2 records",
            "check it: `kit review team/stopwatch`",
            "| first | 1.0000 |",
            "profile/first",
            '"xAxis": "submission_seconds"',
            "validation/accuracy against reported steps",
            '"viewType": "Run Comparer"',
            f"team/stopwatch/artifacts/stopwatch-evidence/evidence-{board.links[0].run_id}/SW-",
        )
    ]
    assert places == sorted(places)


def test_specification_is_the_same_in_every_process(read, tmp_path):
    import pickle

    (tmp_path / "board.pickle").write_bytes(pickle.dumps(board_of(*read)))
    words = [sys.executable, "-c", _SPECIFY, str(tmp_path / "board.pickle")]
    nowhere = {name: v for name, v in os.environ.items() if not name.startswith("WANDB_")}
    made = [
        subprocess.run(
            words,
            capture_output=True,
            check=True,
            env={**nowhere, "WANDB_BASE_URL": "http://127.0.0.1:9", "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1] != b""


def test_profiles_run_has_a_row_for_each_ratio(read):
    replay = board_of(*read).replay()
    assert [row["tau"] for row in replay.rows] == [1.0, 1.05]
    assert [row["profile/first"] for row in replay.rows] == [1.0, 1.0]


@pytest.mark.slow
def test_second_call_updates_the_same_report(read, server, tmp_path):
    options = {**OPTIONS, "spec_file": tmp_path / "spec.json", "to_wandb": True}
    first = write_wandb(*read, options)
    second = write_wandb(*read, options)
    assert first == second
    assert first[0] == str(tmp_path / "spec.json")
    (view,) = server.state.views.values()
    assert view["displayName"] == "Stopwatch: example, external"
    assert first[1].endswith(view["id"])
    (run,) = server.state.runs.values()
    assert run.fields["jobType"] == "leaderboard"
    blocks = json.loads((tmp_path / "spec.json").read_text())["spec"]["blocks"]
    sent = json.loads(view["spec"])["blocks"]
    assert [block["type"] for block in sent] == [block["type"] for block in blocks]
