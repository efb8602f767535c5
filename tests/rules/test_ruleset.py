from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kit import paths, registry
from kit.errors import InvalidFile, UnknownName
from kit.rules.ruleset import Ruleset, WorkloadRules, load_ruleset

FACTS = json.loads((Path(__file__).parents[1] / "golden" / "workload_facts.json").read_text())
WORKLOADS: dict[str, Any] = FACTS["workloads"]
BASES_05 = {name for name, facts in WORKLOADS.items() if facts["variant"] is None} - {
    "finewebedu_lm"
}
BUDGET = {
    "max_runtime_seconds": "max_allowed_runtime_sec",
    "eval_period_seconds": "eval_period_time_sec",
    "step_hint": "step_hint",
}


def labelled(ruleset: Ruleset) -> dict[str, WorkloadRules]:
    """Return the rules of every workload and variant by label."""
    rules = {}
    for name, base in ruleset.workloads.items():
        rules[name] = base.for_variant(None)
        for variant in base.variants:
            rules[f"{name}_{variant}"] = base.for_variant(variant)
    return rules


def check_numbers(label: str, rules: WorkloadRules, expected: dict[str, Any]) -> None:
    facts = WORKLOADS[label]
    assert rules.target.metric == facts["target_metric_name"]
    assert rules.target.higher_is_better == (facts["target_metric_direction"] == "maximize")
    assert rules.target.validation == expected["validation"]
    test = expected["test"]  # may be 0.6518999999999999, or None where there is no test split
    assert rules.target.test == (test if test is None else pytest.approx(test, rel=1e-12))
    for ours, theirs in BUDGET.items():
        assert getattr(rules, ours) == expected["budget"][theirs], (label, ours)


@pytest.mark.parametrize("name", ["algoperf-0.6", "algoperf-0.6-qualification"])
def test_numbers_of_0_6_are_the_published_ones(name: str) -> None:
    for label, rules in labelled(load_ruleset(name)).items():
        facts = WORKLOADS[label]
        scoring = facts["v06_scoring_file"]
        expected = {"validation": scoring["validation_target_value"], "test": facts["test_target"]}
        check_numbers(label, rules, {**expected, "budget": facts})
        assert rules.step_hint == scoring["step_hint"]


def test_numbers_of_0_5_are_the_published_ones() -> None:
    for label, rules in labelled(load_ruleset("algoperf-0.5")).items():
        tag = WORKLOADS[label]["v05_release_tag"]
        validation = WORKLOADS[label]["v05_scoring_file"]["validation_target_value"]
        expected = {"validation": validation, "test": tag["test_target_value"], "budget": tag}
        check_numbers(label, rules, expected)


def test_every_published_workload_and_variant_is_there() -> None:
    assert set(labelled(load_ruleset("algoperf-0.6"))) == set(WORKLOADS)
    assert set(labelled(load_ruleset("algoperf-0.5"))) == set(WORKLOADS) - {"finewebedu_lm"}
    assert set(load_ruleset("algoperf-0.6-qualification").workloads) == {"criteo1tb", "ogbg", "wmt"}


@pytest.mark.parametrize(
    ("name", "studies", "trials", "self_studies", "factor"),
    [
        ("algoperf-0.6", 3, 5, 3, 1.5),
        ("algoperf-0.6-qualification", 1, 5, 3, 1.5),
        ("algoperf-0.5", 5, 5, 5, 3),
        ("mini", 3, 2, 3, 1.5),
    ],
)
def test_tuning_budgets(
    name: str, studies: int, trials: int, self_studies: int, factor: float
) -> None:
    tuning = load_ruleset(name).tuning

    assert (tuning.external.studies, tuning.external.trials) == (studies, trials)
    assert (tuning.self_tuning.studies, tuning.self_tuning.runtime_factor) == (self_studies, factor)


def test_0_5_draws_one_of_three_variants_for_six_of_eight_workloads() -> None:
    ruleset = load_ruleset("algoperf-0.5")
    held_out = ruleset.held_out

    assert held_out is not None
    assert held_out.base_workloads == 6
    assert set(held_out.variants) == BASES_05
    for workload, variants in held_out.variants.items():
        assert set(variants) == set(ruleset.workloads[workload].variants)
        assert len(variants) == 3
    chosen = {f"{workload}_{variant}" for workload, variant in held_out.published_choice.items()}
    assert chosen == set(FACTS["v05_held_out_workloads"])


def test_only_0_5_and_mini_hold_variants_out() -> None:
    with_policy = {name for name in registry.ruleset_names() if load_ruleset(name).held_out}

    assert with_policy == {"algoperf-0.5", "mini"}


def test_mini_knows_every_workload_of_the_benchmark() -> None:
    mini = load_ruleset("mini")

    assert {*mini.workloads, *mini.planned} == {*BASES_05, "finewebedu_lm", "mnist"}
    assert not mini.workloads["mnist"].scored


def test_a_variant_overrides_only_what_it_names(project: Path) -> None:
    digits = load_ruleset("tiny").workloads["digits"]
    silu, gelu = digits.for_variant("silu"), digits.for_variant("gelu")

    assert (silu.target.validation, silu.target.test, silu.step_hint) == (0.7, 0.8, 50)
    assert (silu.max_runtime_seconds, silu.target.metric) == (20, "accuracy")
    assert gelu == digits.for_variant(None)


def test_an_unknown_variant_is_refused(project: Path) -> None:
    with pytest.raises(UnknownName, match=r"^Unknown variant 'selu'\. Choose one of: gelu, silu\."):
        load_ruleset("tiny").workloads["digits"].for_variant("selu")


def test_the_digest_is_that_of_the_file(project: Path) -> None:
    ruleset = load_ruleset("tiny")

    assert ruleset.path == paths.RULES / "tiny.yaml"
    assert ruleset.is_shipped
    assert ruleset.sha256 == hashlib.sha256(ruleset.path.read_bytes()).hexdigest()
    ruleset.path.write_bytes(ruleset.path.read_bytes() + b"# a comment\n")
    assert load_ruleset("tiny").sha256 != ruleset.sha256


def test_a_ruleset_from_elsewhere_is_not_the_kits(project: Path) -> None:
    path = project / "tiny.yaml"
    path.write_bytes((project / "rules" / "tiny.yaml").read_bytes())
    ruleset = load_ruleset(path)

    assert not ruleset.is_shipped
    assert ruleset.sha256 == load_ruleset("tiny").sha256


def test_an_unknown_ruleset_is_refused(project: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        load_ruleset("minni")

    assert str(caught.value) == (
        "Unknown ruleset 'minni'. Choose one of: huge, tiny. Received: --ruleset=minni."
    )


def test_a_missing_ruleset_file_is_refused(project: Path) -> None:
    with pytest.raises(InvalidFile, match=r"absent\.yaml: no such file or directory\. Create it"):
        load_ruleset(project / "absent.yaml")


def test_a_rulesets_name_is_that_of_its_file(project: Path) -> None:
    (project / "rules" / "tiny.yaml").rename(project / "rules" / "small.yaml")

    with pytest.raises(InvalidFile) as caught:
        load_ruleset("small")

    assert str(caught.value) == (
        "rules/small.yaml: name: must be the name of the file, 'small'. Received: 'tiny'. "
        "Rename one of them."
    )


def test_a_ruleset_made_in_memory_has_a_digest_of_its_content(project: Path) -> None:
    ruleset = Ruleset.model_validate(load_ruleset("tiny").model_dump())

    assert len(ruleset.sha256) == 64
    assert not ruleset.is_shipped


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "benchmarks").rglob("mini.yaml")), ids=str
)
def test_the_rulesets_of_earlier_leaderboards_are_read_with_their_digest(path: Path) -> None:
    earlier, present = load_ruleset(path), load_ruleset("mini")
    assert earlier.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (earlier.version, present.version) == ("1", "2")
    assert earlier.evaluations.schedule == "after_previous"
    assert present.evaluations.schedule == "fixed"
    assert earlier.workloads.keys() == present.workloads.keys()


def test_an_evaluation_may_be_late_by_seconds_or_by_a_share_of_the_period() -> None:
    evaluations = load_ruleset("algoperf-0.6").evaluations
    assert evaluations.schedule == "after_previous"
    assert evaluations.late_limit_seconds(10) == 2
    assert evaluations.late_limit_seconds(120) == 6


def test_the_runtime_factor_changes_only_the_runtime(project: Path) -> None:
    digits = load_ruleset("tiny").workloads["digits"]
    longer = digits.with_runtime_factor(1.5)

    assert longer.max_runtime_seconds == 30
    assert longer.model_copy(update={"max_runtime_seconds": 20.0}) == digits


@pytest.mark.parametrize(
    ("wheel", "said"),
    [
        ("{name: Some_Package, version: '1.0', sha256: HASH}", "allowed_wheels[1].name"),
        ("{name: alpha, version: '1.0', sha256: abc}", "allowed_wheels[1].sha256"),
        (
            "{name: alpha, version: v1.00, sha256: HASH}",
            "version 'v1.00' is not normalized as in PEP 440; write '1.0'",
        ),
        (
            "{name: alpha, version: one, sha256: HASH}",
            "version 'one' is not normalized as in PEP 440",
        ),
        ("{name: alpha, version: '1.0'}", "sha256"),
    ],
)
def test_allowed_wheels_are_named_exactly(project: Path, wheel: str, said: str) -> None:
    rules = project / "rules" / "tiny.yaml"
    entry = f"  allowed_wheels: [{wheel.replace('HASH', 'a' * 64)}]\n  max_bytes:"
    rules.write_text(rules.read_text().replace("  max_bytes:", entry))
    with pytest.raises(InvalidFile) as caught:
        load_ruleset("tiny")
    assert said in str(caught.value)
