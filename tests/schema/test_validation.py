from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.errors import InvalidFile
from kit.rules.ruleset import Ruleset
from kit.rules.submission import SubmissionManifest
from kit.schema.strict_yaml import parse
from kit.schema.validation import check

FILE = Path("/rules/tiny.yaml")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def ruleset_data() -> Any:
    path = Path(__file__).parents[2] / "rules" / "mini.yaml"
    return parse(path.read_bytes(), path)


def message(changed: dict[str, Any], model: Any = Ruleset) -> str:
    with pytest.raises(InvalidFile) as caught:
        check(model, changed, FILE)
    assert str(caught.value).isprintable()
    return str(caught.value)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the mini ruleset with one value replaced, or removed for `...`."""
    data = inner = ruleset_data()
    *folders, last = path.split("/")
    for key in folders:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data  # type: ignore[no-any-return]


MNIST = "workloads/mnist"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            f"{MNIST}/target/metrik",
            "loss",
            "/rules/tiny.yaml: workloads.mnist.target: unknown key 'metrik'. Choose one of: "
            "metric, higher_is_better, validation, test. Did you mean 'metric'?",
        ),
        (
            "frobnicate",
            1,
            "/rules/tiny.yaml: unknown key 'frobnicate'. Choose one of: name, version,",
        ),
        (
            f"{MNIST}/step_hint",
            ...,
            "/rules/tiny.yaml: workloads.mnist.step_hint: missing. Received: a mapping with the "
            "keys target, max_runtime_seconds, eval_period_seconds, scored. Add this key.",
        ),
        (
            "scale",
            "medium",
            "/rules/tiny.yaml: scale: not a valid choice. Choose one of: mini, full. "
            "Received: 'medium'. Correct the value.",
        ),
        (
            f"{MNIST}/max_runtime_seconds",
            -3,
            "workloads.mnist.max_runtime_seconds: must be greater than 0. Received: -3.",
        ),
        (
            f"{MNIST}/max_runtime_seconds",
            float("nan"),
            "max_runtime_seconds: must be a finite number. Received: nan.",
        ),
        (f"{MNIST}/target/validation", float("inf"), "must be a finite number. Received: inf."),
        (
            f"{MNIST}/max_runtime_seconds",
            "30",
            "must be a number. Received: '30'. Correct the value.",
        ),
        (f"{MNIST}/max_runtime_seconds", None, "must be a number. Received: nothing."),
        (f"{MNIST}/step_hint", 10.5, "must be a whole number. Received: 10.5."),
        (f"{MNIST}/step_hint", True, "must be a whole number. Received: true."),
        (f"{MNIST}/target/higher_is_better", "yes", "must be true or false. Received: 'yes'."),
        (
            MNIST,
            ["target"],
            "workloads.mnist: must be a mapping. Received: a list of 1. Write `key: value` lines.",
        ),
        ("version", 1, "version: must be text. Received: 1. Quote it."),
        ("evaluation/memory_share", 2, "evaluation.memory_share: must be 1 or less. Received: 2."),
        ("planned", "wmt", "planned: must be a list. Received: 'wmt'. Write `- item` lines"),
        ("planned", ["wmt", "a b"], "planned[2]: must match the pattern ^[a-z0-9][a-z0-9._-]*$."),
        ("planned", ["mnist"], "planned lists mnist, which workloads has numbers for."),
        ("workloads", {"../x": {}}, "workloads.../x: must match the pattern"),
        ("workloads", {}, "workloads: must have 1 items or more. Received: a mapping with"),
        ("tuning/external/trials", 0, "tuning.external.trials: must be 1 or more. Received: 0."),
        (
            "held_out/variants",
            {"mnist": ["silu"]},
            "held_out.variants.mnist lists silu. Choose one of: (none).",
        ),
        (
            "held_out/variants",
            {"wmt": ["silu"]},
            "held_out.variants lists wmt. Choose one of: mnist, imagenet_resnet, ",
        ),
        ("held_out/base_workloads", 9, "base_workloads is 9, but variants lists only 5 workloads."),
        (
            "held_out/variants",
            {"imagenet_resnet": []},
            "held_out.variants.imagenet_resnet: must have 1 items or more. Received: a list of 0.",
        ),
        (
            "held_out/variants",
            {"imagenet_resnet": ["silu", "gelu", "silu"]},
            "held_out: variants.imagenet_resnet lists a variant twice.",
        ),
        (
            "held_out/published_choice",
            {"imagenet_resnet": "tanh"},
            "published_choice has imagenet_resnet: tanh, which variants does not list.",
        ),
    ],
)
def test_a_wrong_ruleset_is_explained_in_one_line(path: str, value: Any, said: str) -> None:
    assert said in message(changed(path, value))


def test_further_mistakes_are_counted() -> None:
    assert message({**ruleset_data(), "scale": 3, "version": 4}).endswith(
        "(1 more after this one.)"
    )


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_a_file_that_is_no_mapping_is_refused(data: Any) -> None:
    said = message(data)

    assert said.startswith("/rules/tiny.yaml: must be a mapping with the keys name, version,")
    assert said.endswith("Write `key: value` lines.")


@settings(deadline=None)
@given(data=st.data(), value=VALUES)
def test_any_value_anywhere_is_accepted_or_explained_in_one_line(
    data: st.DataObject, value: Any
) -> None:
    document = inner = ruleset_data()
    while isinstance(inner, dict):
        parent, key = inner, data.draw(st.sampled_from(sorted(inner)))
        inner = inner[key]
        if data.draw(st.booleans()):
            break
    parent[key] = value
    said = ""
    try:
        check(Ruleset, document, FILE)
    except InvalidFile as error:
        said = str(error)
    assert said.isprintable()


MANIFEST = yaml.safe_load(
    """
name: tuned
authors: [Ada]
description: For tests.
batch_sizes: {mini: {mnist: 8}}
tuning: {default: {fixed: {}}}
"""
)


@pytest.mark.parametrize(
    ("tuning", "said"),
    [
        ({}, "tuning.default: needs exactly one of: points, search_space, fixed."),
        ({"points": [{}], "fixed": {}}, "needs exactly one of: points, search_space, fixed."),
        (
            {"points": []},
            "tuning.default.points: must have 1 items or more. Received: a list of 0.",
        ),
        (
            {"points": [{"a": 1}, {"b": 1}]},
            "points must all have the same names; point 2 differs from point 1 in: a, b.",
        ),
        (
            {"points": [{"a": [1]}]},
            "tuning.default.points[1].a: must be true, false, null, a finite number, or one line "
            "of text of at most 200 characters. Received: a list of 1.",
        ),
        (
            {"points": [{"a": float("nan")}]},
            "tuning.default.points[1].a: must be true, false, null,",
        ),
        ({"fixed": {"not a name": 1}}, "must match the pattern ^[A-Za-z_][A-Za-z0-9_]*$"),
        (
            {"search_space": {"a": {"min": 1.0}}},
            "search_space.a: needs min, max and scaling (log or linear), or feasible_points alone.",
        ),
        (
            {"search_space": {"a": {"min": 1.0, "feasible_points": [1]}}},
            "search_space.a: has feasible_points, so it takes no min, max or scaling.",
        ),
        (
            {"search_space": {"a": {"min": 2.0, "max": 1.0, "scaling": "linear"}}},
            "min 2.0 is larger than max 1.0.",
        ),
        (
            {"search_space": {"a": {"min": 0.0, "max": 1.0, "scaling": "log"}}},
            "scaling log needs min above 0, and min is 0.0.",
        ),
        (
            {"search_space": {"a": {"min": 0.1, "max": 1.0, "scaling": "cubic"}}},
            "search_space.a.scaling: not a valid choice. Choose one of: linear, log. "
            "Received: 'cubic'.",
        ),
    ],
)
def test_a_wrong_tuning_is_explained_in_one_line(tuning: Any, said: str) -> None:
    assert said in message({**MANIFEST, "tuning": {"default": tuning}}, SubmissionManifest)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "../evil", "name: must match the pattern"),
        ("authors", [], "authors: must have 1 items or more."),
        ("name", "a" * 81, "name: must have 80 characters or fewer."),
        ("description", "", "description: must have 1 characters or more. Received: ''."),
        ("paper", "javascript:alert(1)", "paper: must match the pattern ^https?://"),
        (
            "batch_sizes",
            {"medium": {}},
            "batch_sizes.medium: not a valid choice. Choose one of: mini",
        ),
        (
            "batch_sizes",
            {"mini": {"mnist": 0}},
            "batch_sizes.mini.mnist: must be 1 or more. Received: 0.",
        ),
    ],
)
def test_a_wrong_manifest_is_explained_in_one_line(key: str, value: Any, said: str) -> None:
    assert said in message({**MANIFEST, key: value}, SubmissionManifest)
