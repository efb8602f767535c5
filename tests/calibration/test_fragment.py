"""What a calibration writes: a fragment that a ruleset takes, and a document that it came from."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path

import pytest

from kit import paths
from kit.calibration.document import as_dict, encode
from kit.calibration.fragment import fragment
from kit.calibration.setting import read_setting
from kit.errors import InvalidFile
from kit.records.record import TrialState
from kit.rules.ruleset import Ruleset, parse_ruleset
from tests.calibration.made_up import answer, question, run

RUNS = [run(0.1, v) for v in (0.70, 0.80, 0.90)]
DIGEST = "78" * 32


def with_fragment(text: str, variant: str | None = None) -> Ruleset:
    """Return the ruleset mini with a fragment where its comment says that it belongs."""
    mini = (paths.RULES / "mini.yaml").read_text()
    head, _, rest = mini.partition("\nworkloads:\n")
    if variant is not None:
        workload = re.search(r"^  imagenet_resnet:\n(?:    .*\n|\n)+?    variants:\n", rest, re.M)
        assert workload is not None
        own = workload.group() + text
        return parse_ruleset(
            f"{_without_held_out(head)}\nworkloads:\n{own}".encode(), Path("mini.yaml")
        )
    return parse_ruleset(
        f"{_without_held_out(head)}\nworkloads:\n{text}".encode(), Path("mini.yaml")
    )


def _without_held_out(head: str) -> str:
    return re.sub(r"^held_out:\n(?:  .*\n)+", "", head, flags=re.M)


def test_a_workloads_fragment_is_a_workload_of_a_ruleset() -> None:
    asked = question()
    rules = with_fragment(fragment(asked, answer(asked, RUNS), document_sha256=DIGEST)).workloads
    (mnist,) = rules.values()
    assert list(rules) == ["mnist"]
    assert mnist.target.model_dump() == {
        "metric": "accuracy", "higher_is_better": True, "validation": 0.8, "test": 0.8
    }  # fmt: skip
    assert (mnist.max_runtime_seconds, mnist.eval_period_seconds) == (13.4, 1.7)
    assert (mnist.step_hint, mnist.scored) == (400, False)
    counted = fragment(question(scored=True), answer(asked, RUNS), document_sha256=DIGEST)
    assert with_fragment(counted).workloads["mnist"].scored


def test_a_variants_fragment_is_a_variant_of_a_ruleset() -> None:
    asked = question(workload="imagenet_resnet", variant="silu", scored=True)
    text = fragment(asked, answer(asked, RUNS), document_sha256=DIGEST)
    rules = with_fragment(text, "silu").workloads["imagenet_resnet"].for_variant("silu")
    assert (rules.target.validation, rules.target.test) == (0.8, 0.8)
    assert rules.target.metric == "accuracy"
    assert rules.step_hint == 400


def test_comments_tell_procedure_spread_machine_and_evidence() -> None:
    asked = question()
    found = answer(asked, [*RUNS, run(state=TrialState.FAILED), run(0.85)])
    text = fragment(asked, found, document_sha256=DIGEST)
    assert all(len(line) <= 100 for line in text.splitlines())
    comments = " ".join(re.findall(r"# (.*)", text))
    for fact in (
        "kit calibrate, 2026-01-01 to 2026-01-02",
        "adamw, nadamw tuned with 2 trials each (published: 200) over spaces.yaml, sha256 12.",
        "Best setting: nadamw, learning_rate 0.1.",
        "best validation accuracy 0.7 to 0.9, median 0.8; 3 of 3 reached the target.",
        "1 did not train to the end and count as the worst.",
        "1.333 times of which is allowed",
        "2 × a processor; isolation process",
        "cpu.lock sha256 3434",
        "5 signed records, ledger head 5656",
        f"calibration.json sha256 {DIGEST}",
    ):
        assert fact in comments, comments


def test_a_given_setting_is_stated_and_a_missing_test_too() -> None:
    asked = question(setting_from="the calibration of mnist", submissions=(), trials=0)
    given = answer(question(), [run(0.8, test=[math.nan])])
    text = fragment(asked, given, document_sha256=DIGEST)
    assert "No tuning: the setting is that of the calibration of mnist." in text.replace(
        "\n  # ", " "
    )
    assert "No test metric was finite there." in text.replace("\n  # ", " ")
    assert "test:" not in text


def test_the_document_holds_every_run_and_no_number_that_json_lacks(tmp_path: Path) -> None:
    asked = question()
    runs = [*RUNS, run(math.nan), run(0.85)]
    content = as_dict(asked, answer(asked, runs))
    again = json.loads(encode(content))
    assert again == content
    assert [r["best_validation"] for r in again["repetitions"]] == [0.7, 0.8, 0.9, None, 0.85]
    assert again["repetitions"][2]["target_reached"]["step"] == 100
    assert "target_reached" not in again["repetitions"][0]
    assert len(again["tuning"]) == 2
    assert again["procedure"]["evaluate_at_steps"] == [1, 100, 200, 300]


def test_a_setting_is_read_from_a_calibration_its_folder_or_a_file(tmp_path: Path) -> None:
    asked = question()
    content = encode(as_dict(asked, answer(asked, RUNS)))
    file = tmp_path / "calibration.json"
    file.write_bytes(content)
    of_folder = read_setting(tmp_path)
    assert of_folder == read_setting(file)
    assert (of_folder.submission, of_folder.hyperparameters) == ("nadamw", {"learning_rate": 0.1})
    digest = hashlib.sha256(content).hexdigest()
    assert of_folder.source == f"the calibration of mnist, calibration.json sha256 {digest}"
    written = tmp_path / "by_hand.yaml"
    written.write_text("submission: adamw\nhyperparameters: {learning_rate: 1e-3}\n")
    by_hand = read_setting(written)
    assert (by_hand.submission, by_hand.hyperparameters) == ("adamw", {"learning_rate": 0.001})
    assert by_hand.source.startswith("by_hand.yaml, sha256 ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("calibration.json", "{}", "not what `kit calibrate` writes: the format must be"),
        ("calibration.json", "[", "not what `kit calibrate` writes"),
        ("setting.yaml", "submission: adamw\n", "hyperparameters: missing"),
        ("setting.yaml", "- 1\n", "must be a mapping with the keys submission, hyperparameters"),
        (
            "calibration.json",
            '{"format": "stopwatch/calibration/1", "setting": {"submission": "adamw"}}',
            "hyperparameters: must be a mapping",
        ),
    ],
)
def test_a_file_without_a_setting_is_refused(tmp_path, name, content, message) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidFile, match=re.escape(message)):
        read_setting(tmp_path / name)
    with pytest.raises(InvalidFile, match="no such file"):
        read_setting(tmp_path / "nowhere.yaml")
