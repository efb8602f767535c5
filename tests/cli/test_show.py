from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kit import paths
from kit.cli.show import show
from kit.errors import InvalidSubmission, UnknownName
from kit.rules.folder import compressed_bytes
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission

WORKLOAD = """\
description: Images.
metric: accuracy
loss_type: softmax_cross_entropy
scales:
  mini:
    model: {widths: [1, 2]}
    xla: {cpu: false}
    originals: {file: {sha256: %s, sources: [{url: "https://x.example"}]}}
variants:
  silu: {model: {activation: silu}}
""" % ("0" * 64)
MANIFEST = """\
name: tuned
authors: [Ada Lovelace, Charles Babbage]
description: Tuned.
batch_sizes: {mini: {mnist: 1024}}
tuning:
  default:
    search_space: {rate: {min: 1e-4, max: 0.1, scaling: log}, beta: {feasible_points: [1, 2]}}
  mini: {points: [{rate: 0.5}]}
  algoperf-0.6: {fixed: {rate: 0.25}}
"""
CODE = """\
from kit.algorithms import GradientAlgorithm

HYPERPARAMETERS = {
    "rate": {"range": (0.0, None), "meaning": "how fast"},
    "beta": {"type": "int", "default": 1, "choices": (1, 2), "meaning": "how smooth"},
    "learning_rate": {"default": 0.5, "meaning": "not used"},
}


class Tuned(GradientAlgorithm):
    pass
"""


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace workloads and submissions; the rulesets are the kit's own."""
    for name, path, content in (
        ("WORKLOADS", "imagenet_resnet/workload.yaml", WORKLOAD),
        ("SUBMISSIONS", "tuned/submission.yaml", MANIFEST),
        ("SUBMISSIONS", "tuned/submission.py", CODE),
    ):
        folder = tmp_path / name
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
        monkeypatch.setattr(paths, name, folder)


def output(*arguments: str) -> str:
    return CliRunner().invoke(show, arguments, catch_exceptions=False).stdout


def lines(*arguments: str) -> list[str]:
    """Return the lines with every run of blanks as one."""
    return [" ".join(line.split()) for line in output(*arguments).splitlines()]


def test_a_workload_shows_scales_variants_and_its_numbers_in_every_ruleset() -> None:
    shown = lines("imagenet_resnet")

    assert "description Images." in shown
    assert "mini model widths: [1, 2]" in shown
    assert "mini xla cpu: false" in shown
    assert "mini originals file" in shown
    assert "silu model activation: silu" in shown
    assert "Rules of algoperf-0.6:" in shown
    assert "imagenet_resnet_silu accuracy ≥ 0.75445 0.6323 66,159 s (18.4 h) 510 s 195,999" in shown
    assert "imagenet_resnet_silu accuracy ≥ 0.75445 0.6323 63,008 s (17.5 h) 510 s 186,666" in shown


def test_a_workload_that_is_not_built_shows_its_numbers() -> None:
    shown = lines("finewebedu_lm")

    assert "built false" in shown
    assert "planned in mini" in shown
    assert "finewebedu_lm ppl ≤ 22.2995 - 31,967 s (8.9 h) 2,571 s 72,000" in shown


def test_a_submission_shows_its_manifest_and_digest() -> None:
    shown = lines("tuned")

    assert "authors Ada Lovelace, Charles Babbage" in shown
    assert f"sha256 {load_submission('tuned').sha256}" in shown
    assert "files submission.py, submission.yaml" in shown
    assert f"compressed bytes {compressed_bytes(load_submission('tuned').contents)}" in shown
    assert "mini mnist 1,024" in shown
    assert "hyperparameter default allowed meaning" in shown
    assert "rate required a number, 0 or more how fast" in shown
    assert "beta 1 one of: 1, 2 how smooth" in shown
    assert "learning_rate 0.5 a number not used" in shown
    assert "warmup_factor 0.0 a number from 0 to 1 length of the warm-up as a share of" in (
        " ".join(shown)
    )
    assert "Tuning for ruleset default: search space:" in shown
    assert "rate min: 0.0001, max: 0.1, scaling: log" in shown
    assert "beta feasible_points: [1, 2]" in shown
    assert "1 rate: 0.5" in shown
    assert "rate 0.25" in shown


def test_a_ruleset_shows_its_settings_and_workloads() -> None:
    shown = lines("algoperf-0.5")

    assert f"sha256 {load_ruleset('algoperf-0.5').sha256}" in shown
    assert "available workloads imagenet_resnet" not in shown  # built at mini scale only
    assert "external tuning 5 studies × 5 trials" in shown
    limits = "1,048,576 bytes, 65,536 when compressed, .py .yaml .md .txt .lock"
    assert f"submission at most {limits}" in shown
    assert "allowed wheels none" in shown
    assert "self-tuning 5 studies, max runtime × 3" in shown
    assert any(line.startswith("held-out variants one each for 6 of: criteo1tb") for line in shown)
    assert "ogbg_gelu mean_average_precision ≥ 0.27771 0.262926 18,477 s (5.1 h) 240 s 80,000" in (
        shown
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("imagenet_resnet", "workload"),
        ("wmt", "workload"),
        ("tuned", "submission"),
        ("algoperf-0.6", "ruleset"),
    ],
)
def test_json_has_everything(name: str, kind: str) -> None:
    facts = json.loads(output(name, "--json"))

    assert facts["kind"] == kind
    assert facts["name"] == name
    if kind == "workload":
        assert facts["rules"]["algoperf-0.6"][name]["target"]["metric"]
    if kind == "submission":
        assert facts["tuning"]["mini"] == {"points": [{"rate": 0.5}]}
        assert facts["hyperparameters"]["rate"] == {"range": [0.0, None], "meaning": "how fast"}
    if kind == "ruleset":
        assert facts["workloads"]["wmt"]["variants"]["post_ln"]["target"]["test"] == 29.8982


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownName) as caught:
        output("resnet")
    said = str(caught.value)

    assert said.startswith("Unknown workload, submission or ruleset 'resnet'. Choose one of: algo")
    assert "tuned" in said
    assert "imagenet_resnet" in said
    assert said.endswith("Received: 'resnet'.")


def test_a_submission_that_breaks_a_limit_is_refused() -> None:
    (paths.SUBMISSIONS / "tuned" / "weights.npz").write_bytes(b"")

    with pytest.raises(InvalidSubmission, match=r"weights\.npz: not a kind of file"):
        output("tuned")
