"""Every workload and variant at full size against the parameters of the published ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kit import registry
from kit.backend.functional import build_initial, build_shapes
from kit.conformance.golden_models import golden_model

GOLDEN = Path(__file__).parent.parent / "golden"
PUBLISHED = [
    (name, variant)
    for name in registry.workload_names()
    for variant in (None, *(registry.workload_manifest(name).variants))
]
SMALLER = {  # arguments of build_model for models that fit in any memory, same distributions
    ("criteo1tb", None): {"vocab_size": 16384, "embedding_init_scale": 4194304**-0.5},
    ("criteo1tb", "layernorm"): {"vocab_size": 16384, "embedding_init_scale": 4194304**-0.5},
    ("criteo1tb", "embed_init"): {"vocab_size": 16384},
}


def label(case: tuple[str, str | None]) -> str:
    return "_".join(filter(None, case))


def golden(folder: str, case: tuple[str, str | None]) -> dict:
    return json.loads((GOLDEN / folder / f"{label(case)}.json").read_text())


@pytest.mark.parametrize("case", PUBLISHED, ids=label)
def test_full_model_has_the_published_parameters(case):
    expected = golden("parameters", case)
    model = build_shapes(registry.load_workload(case[0], "full", case[1]))
    ours = {
        path: [list(parameter.shape), parameter.kind]
        for path, parameter in zip(model.names, model.parameters, strict=True)
    }
    path = golden_model(case[0]).path
    assert ours == {path(name): value for name, value in expected["params"].items()}
    assert sum(int(np.prod(shape)) for shape, _ in ours.values()) == expected["num_params"]
    states = zip(model.state_names, model.model.non_trainable_variables, strict=True)
    assert {path: list(v.shape) for path, v in states} == expected["model_state"]


@pytest.mark.parametrize(
    "case",
    [c for c in PUBLISHED if (GOLDEN / "initialisation" / f"{label(c)}.json").exists()],
    ids=label,
)
def test_full_model_starts_from_the_published_distributions(case, check_distribution):
    workload = registry.load_workload(case[0], "full", case[1], model=SMALLER.get(case))
    model = build_initial(workload, 0)
    path = golden_model(case[0]).path
    leaves = {path(k): v for k, v in golden("initialisation", case)["leaves"].items()}
    values = dict(zip(model.names, model.initial_values()[0], strict=True))
    assert set(leaves) == set(values)
    for name, statistics in leaves.items():
        check_distribution(name, values[name].astype(np.float64).ravel(), statistics)
