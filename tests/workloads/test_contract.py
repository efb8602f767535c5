"""One contract for all workloads, at the mini scale."""

from __future__ import annotations

import itertools
import zlib
from pathlib import Path

import numpy as np
import pytest

from kit import registry
from kit.backend import framework
from kit.backend.functional import FunctionalModel, build_initial
from kit.contracts import EVALUATION_SPLITS, ClassificationWorkload, ForwardMode, Split
from kit.data import load_arrays
from kit.data.definition import data_definition

GOLDEN = Path(__file__).parent.parent / "golden"
WORKLOADS = registry.workload_names()
INPUTS = {"ogbg": "nodes"}  # the array of a batch that shows what it holds; "inputs" elsewhere


def graphs(arrays: dict[str, np.ndarray]) -> list[bytes]:
    """Return every graph's nodes and edges."""
    nodes, edges = arrays["nodes"].astype(int), arrays["edges"].astype(int)
    ends = np.stack([arrays["senders"], arrays["receivers"]], axis=1).astype(int)
    edges = np.concatenate([edges, ends], axis=1)
    parts = zip(
        np.split(nodes, np.cumsum(arrays["n_node"])[:-1]),
        np.split(edges, np.cumsum(arrays["n_edge"])[:-1]),
        strict=True,
    )
    return [one.tobytes() + other.tobytes() for one, other in parts]


EXAMPLES = {  # what makes an example in prepared arrays; their "inputs" elsewhere
    "criteo1tb": lambda arrays: [example.tobytes() for example in arrays["numbers"]],
    "fastmri": lambda arrays: [example.tobytes() for example in arrays["targets"]],
    "ogbg": graphs,
}
UNCENTRED = {  # what is to be said of inputs that are not centred, as published
    # normalised by constants for pixels in 0-1
    "mnist": lambda inputs: inputs.max() == pytest.approx((255 - 0.1307) / 0.3081),
    "criteo1tb": lambda inputs: inputs.min() == 0.0,  # logarithms and ids
    "ogbg": lambda inputs: inputs.min() == 0.0 and (inputs == inputs.round()).all(),  # categories
}
BATCH_SIZES = {"fastmri": (10, 7, 32)}  # in evaluation, where examples are large

pytestmark = pytest.mark.parametrize("name", WORKLOADS)


def test_manifest_says_what_the_class_says(name):
    manifest = registry.workload_manifest(name)
    workload = registry.load_workload(name, "mini")
    assert manifest.metric == workload.metric.name
    assert manifest.loss_type == workload.loss_type
    assert set(manifest.scales) == {"full", "mini"}
    for scale, entry in manifest.scales.items():
        assert set(entry.splits) == {"train", "eval_train", "validation", "test"}
        for variant in manifest.variants:  # its arguments are those that the code takes
            registry.load_workload(name, scale, variant)
        registry.load_workload(name, scale, model=entry.benchmark.model)


def test_mini_data_is_defined_by_checksums(name):
    definition = data_definition(name, "mini")
    assert set(definition.prepared) == {"train", "evaluation"}
    assert all(original.sources for original in definition.originals)


def test_splits_have_their_sizes_and_an_even_mixture_of_classes(name, prepared):
    prepared(name)
    even = isinstance(registry.load_workload(name, "mini"), ClassificationWorkload)
    for split, size in registry.scale_entry(name, "mini").splits.items():
        targets = load_arrays(name, "mini", split)["targets"]
        assert len(targets) == size
        assert not even or len(set(np.bincount(targets).tolist())) == 1


def test_no_evaluation_example_is_in_the_training_data_except_those_meant_to_be(name, prepared):
    prepared(name)

    def examples(split: Split) -> list[bytes]:
        arrays = load_arrays(name, "mini", split)
        if name in EXAMPLES:
            return EXAMPLES[name](arrays)
        return [example.tobytes() for example in arrays["inputs"]]

    seen = set(examples(Split.TRAIN))
    shared = {
        split: np.mean([example in seen for example in examples(split)])
        for split in EVALUATION_SPLITS
    }
    assert shared[Split.EVAL_TRAIN] == 1.0
    assert shared[Split.VALIDATION] < 0.002  # the originals hold a few pictures twice
    assert shared[Split.TEST] < 0.002


def test_batches_look_like_the_synthetic_ones(name, prepared):
    prepared(name)
    workload = registry.load_workload(name, "mini")
    synthetic = workload.synthetic_batch(8)
    real = next(iter(workload.dataset(Split.TRAIN, 8)))
    assert {k: (v.shape, v.dtype) for k, v in synthetic.items()} == {
        k: (tuple(v.shape), v.numpy().dtype) for k, v in real.items()
    }


def test_training_stream_is_given_by_the_seed(name, prepared):
    prepared(name)
    workload = registry.load_workload(name, "mini")

    def beginning(seed: int) -> list[bytes]:
        batches = itertools.islice(workload.dataset(Split.TRAIN, 16, seed), 3)
        return [batch[INPUTS.get(name, "inputs")].numpy().tobytes() for batch in batches]

    assert beginning(1) == beginning(1)
    assert beginning(1) != beginning(2)


def test_training_stream_goes_on_at_any_step(name, prepared):
    prepared(name)
    workload = registry.load_workload(name, "mini")
    batches = itertools.islice(workload.dataset(Split.TRAIN, 16, 7), 6)
    *_, expected = batches
    found = next(iter(workload.dataset(Split.TRAIN, 16, 7, start_step=5)))
    assert all((found[key].numpy() == value.numpy()).all() for key, value in expected.items())


def test_inputs_are_centred(name, prepared):
    prepared(name)
    batch = next(iter(registry.load_workload(name, "mini").dataset(Split.TRAIN, 512)))
    inputs = batch[INPUTS.get(name, "inputs")].numpy()
    if name in UNCENTRED:
        assert UNCENTRED[name](inputs)
    else:
        assert abs(inputs.mean()) < 0.15
        assert 0.85 < inputs.std() < 1.15


def test_evaluation_does_not_depend_on_batch_size(name, prepared):
    prepared(name)
    workload = registry.load_workload(name, "mini")
    model = build_initial(workload, 0)
    params, state = model.initial_values()
    evaluate = framework().compile(model.evaluate_batch, xla=False)

    def metrics(batch_size: int) -> dict[str, float]:
        return workload.summarize(
            [
                {key: value.numpy() for key, value in evaluate(params, state, batch).items()}
                for batch in workload.dataset(Split.EVAL_TRAIN, batch_size)
            ]
        )

    first, *others = BATCH_SIZES.get(name, (500, 499, 2048))
    expected = metrics(first)
    assert set(expected) == {"loss", workload.metric.name}
    for batch_size in others:  # neither divides: padded, and more than one batch or less
        assert metrics(batch_size) == pytest.approx(expected, abs=1e-5)


def test_variants_build_and_change_something(name, prepared):
    for variant in registry.workload_manifest(name).variants:
        base, changed = (registry.load_workload(name, "mini", v) for v in (None, variant))
        assert base.config != changed.config
        batch = base.synthetic_batch(2)
        outputs = []
        for workload in (base, changed):
            model = build_initial(workload, 0)
            mode = ForwardMode(batch_statistics=True)
            params, state = shaken(model)
            outputs.append(np.asarray(model.forward(params, state, batch, mode)[0]))
        assert np.abs(outputs[0] - outputs[1]).max() > 1e-4


def shaken(model: FunctionalModel) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return initial values with noise that depends on names alone: a last layer may start at 0."""
    params, state = model.initial_values()
    noise = (np.random.default_rng(zlib.crc32(name.encode())) for name in model.names)
    return [
        value + 0.1 * draw.standard_normal(value.shape).astype(np.float32)
        for value, draw in zip(params, noise, strict=True)
    ], state


def test_equal_seeds_build_equal_models(name):
    workload = registry.load_workload(name, "mini")
    first, again, other = (build_initial(workload, seed).initial_values()[0] for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
