from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kit.backend import framework
from kit.backend.functional import FunctionalModel, build_initial
from kit.contracts import ForwardMode, LayerNormalization, mean_absolute_error
from kit.contracts.kernels import PORTABLE
from kit.errors import KitError
from kit.registry import load_workload
from kit.trainer.data import Queue
from workloads.fastmri.metrics import structural_similarity
from workloads.fastmri.model import DoubleSize, JoinShortcut

GOLDEN = Path(__file__).parent.parent / "golden"
TINY = {"num_channels": 2, "num_pool_layers": 2}
NORMALISATIONS = [kernels.instance_normalization for kernels in (PORTABLE, framework().kernels())]


def arrays(path: str, prefix: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / path, allow_pickle=False) as golden:
        return {k.removeprefix(prefix): golden[k] for k in golden.files if k.startswith(prefix)}


def noise(*shape: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(0).normal(mean, 1.0, shape).astype(np.float32)


@pytest.mark.parametrize("variant", ["tanh", "layernorm", "model_size"])
def test_full_variants_have_the_published_parameters(variant):
    golden = json.loads((GOLDEN / "parameters" / f"fastmri_{variant}.json").read_text())
    with keras.StatelessScope(initialize_variables=False):
        model = FunctionalModel(load_workload("fastmri", "full", variant))
    ours = {
        name: [list(parameter.shape), parameter.kind]
        for name, parameter in zip(model.names, model.parameters, strict=True)
    }
    assert ours == golden["params"]
    assert sum(int(np.prod(shape)) for shape, _ in ours.values()) == golden["num_params"]
    assert model.state_names == []


def test_tanh_starts_from_the_published_distributions(check_distribution):
    model = build_initial(load_workload("fastmri", "full", "tanh"), 0)
    golden = json.loads((GOLDEN / "initialisation" / "fastmri_tanh.json").read_text())["leaves"]
    for path, value in zip(model.names, model.initial_values()[0], strict=True):
        check_distribution(path, value.astype(np.float64).ravel(), golden[path])


def test_variant_may_mean_other_numbers_at_the_mini_scale():
    base = load_workload("fastmri", "mini").config.model
    variant = load_workload("fastmri", "mini", "model_size").config.model
    assert variant["num_channels"] == 2 * base["num_channels"]
    assert variant["num_pool_layers"] == base["num_pool_layers"] - 1


def test_doubling_multiplies_every_pixel_by_the_flipped_kernel():
    x = noise(2, 3, 4, 5)
    layer = DoubleSize(6)
    outputs = np.asarray(layer(x))
    kernel = np.asarray(layer.kernel)
    assert outputs.shape == (2, 6, 8, 6)
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        expected = x @ kernel[1 - a, 1 - b]
        np.testing.assert_allclose(outputs[:, a::2, b::2], expected, atol=1e-5)


def test_missing_row_and_column_are_reflected():
    image = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)
    joined = np.asarray(JoinShortcut()(image, np.full((1, 3, 5, 2), -1.0, np.float32)))
    assert joined.shape == (1, 3, 5, 3)
    assert joined[0, :, :, 0].tolist() == [[0, 1, 2, 3, 2], [4, 5, 6, 7, 6], [0, 1, 2, 3, 2]]
    assert (joined[..., 1:] == -1).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (15, 12)])
def test_images_of_any_size_keep_it(size):
    model = build_initial(load_workload("fastmri", "full", model=TINY), 0)
    params, state = model.initial_values()
    batch = {"inputs": noise(2, *size)}
    outputs, _ = model.forward(params, state, batch, ForwardMode(True))
    assert outputs.shape == (2, *size)


@pytest.mark.parametrize("mean", [0.0, 3.0])
@pytest.mark.parametrize("normalize", NORMALISATIONS, ids=["contract", "backend"])
def test_every_channel_of_every_example_is_normalised(normalize, mean):
    x, weights = noise(3, 20, 10, 4, mean=mean), noise(3, 20, 10, 4)[::-1].copy()

    def value(x):
        outputs = normalize(x, 1e-5)
        return ops.sum(outputs * weights), outputs

    (_, outputs), gradient = framework().value_and_grad(value)(ops.convert_to_tensor(x))
    wide = x.astype(np.float64)
    factor = 1 / np.sqrt(wide.var((1, 2), keepdims=True) + 1e-5)
    expected = (wide - wide.mean((1, 2), keepdims=True)) * factor
    np.testing.assert_allclose(outputs, expected, atol=5e-5)
    across = (weights * expected).mean((1, 2), keepdims=True)
    expected = factor * (weights - weights.mean((1, 2), keepdims=True) - expected * across)
    np.testing.assert_allclose(gradient, expected, atol=5e-5)


@pytest.mark.parametrize("normalize", NORMALISATIONS, ids=["contract", "backend"])
def test_constant_channel_becomes_zero(normalize):
    outputs = np.asarray(normalize(ops.full((1, 4, 4, 2), 7.0), 1e-5))
    np.testing.assert_allclose(outputs, 0.0, atol=1e-3)


def test_layer_normalisation_over_all_axes_has_scale_and_bias_per_channel():
    norm = LayerNormalization(axes=(1, 2, 3))
    x = noise(2, 4, 3, 2, mean=2.0)
    norm.build(x.shape)
    norm.scale.assign([1.0, 2.0])
    norm.bias.assign([0.5, -1.0])
    axes = (1, 2, 3)
    expected = x - x.mean(axes, keepdims=True)
    expected = expected / np.sqrt(x.var(axes, keepdims=True) + 1e-6) * [1.0, 2.0] + [0.5, -1.0]
    np.testing.assert_allclose(np.asarray(norm(x)), expected, atol=1e-5)


def test_no_rate_makes_it_drop_anything():
    workload = load_workload("fastmri", "full", model=TINY)
    model = build_initial(workload, 0)
    params, state = model.initial_values()
    batch = {"inputs": noise(2, 8, 8)}
    rng = ops.convert_to_tensor(np.array([1, 2], np.int32))
    plain, dropped = (
        np.asarray(model.forward(params, state, batch, ForwardMode(True, rate, rng))[0])
        for rate in (None, 0.9)
    )
    assert (plain == dropped).all()


def test_gradients_per_example_are_those_of_each_alone():
    workload = load_workload("fastmri", "full", model=TINY)
    model = build_initial(workload, 0)
    params, state = model.initial_values()
    params = [ops.convert_to_tensor(value) for value in params]
    batch = {"inputs": noise(3, 8, 8), "targets": noise(3, 8, 8, mean=0.3)}

    def gradients(example):
        def loss(params):
            alone = {name: value[None] for name, value in example.items()}
            outputs, _ = model.forward(params, state, alone, ForwardMode(True))
            return workload.loss(outputs, alone).mean, None

        return framework().value_and_grad(loss)(params)[1]

    tensors = {name: ops.convert_to_tensor(value) for name, value in batch.items()}
    together = framework().vectorized_map(gradients, tensors)
    for index in range(3):
        alone = gradients({name: value[index] for name, value in tensors.items()})
        for one, all_ in zip(alone, together, strict=True):
            np.testing.assert_allclose(all_[index], one, atol=1e-5)


def test_batches_of_any_size_are_taken_from_the_stream():
    workload = load_workload("fastmri", "mini")
    batches = [workload.synthetic_batch(4, seed) for seed in (0, 1)]
    tensors = [{k: ops.convert_to_tensor(v) for k, v in batch.items()} for batch in batches]
    queue = Queue(iter(tensors), 4)
    taken = [queue.take(3), queue.take(5)]
    for name in batches[0]:
        stream = np.concatenate([batch[name] for batch in batches])
        np.testing.assert_array_equal(np.concatenate([part[name] for part in taken]), stream)


def similarity(case: dict[str, np.ndarray]) -> np.ndarray:
    """Evaluate one batch whose model answers with the recorded outputs."""
    count = len(case["logits"])
    batch = {
        "inputs": case["logits"],
        "targets": case["targets"],
        "mean": case.get("mean", np.zeros(count, np.float32)),
        "std": case.get("std", np.ones(count, np.float32)),
        "volume_max": case.get("volume_max", np.ones(count, np.float32)),
        "weights": np.ones(count, np.float32),
    }
    batch = {name: ops.convert_to_tensor(value) for name, value in batch.items()}
    result = load_workload("fastmri", "mini").evaluate_batch(lambda inputs: inputs, batch)
    return np.asarray(result["ssim"])


@pytest.mark.parametrize("number", range(25))
def test_metric_equals_the_reference(number):
    case = arrays("metrics/ssim.npz", f"{number:02d}.")
    np.testing.assert_allclose(similarity(case), case["expected"], atol=2e-6)


def test_metric_equals_the_reference_on_images_with_mean_and_maximum():
    case = arrays("extras/ssim.npz", "input/")
    expected = arrays("extras/ssim.npz", "output/")
    np.testing.assert_allclose(similarity(case), expected["ssim"], atol=2e-6)
    bare = {name: case[name] for name in ("logits", "targets")}
    np.testing.assert_allclose(similarity(bare), expected["ssim_defaults"], atol=2e-6)


def test_metric_equals_that_of_scikit_image():
    from skimage.metrics import structural_similarity as expected

    targets = np.abs(noise(3, 30, 41, mean=4.0))
    outputs = targets + 0.5 * noise(3, 30, 41)
    largest = np.array([1.0, 8.0, 200.0], np.float32)
    ours = structural_similarity(*(ops.convert_to_tensor(a) for a in (outputs, targets, largest)))
    for index in range(3):
        pair = outputs[index].astype(np.float64), targets[index].astype(np.float64)
        theirs = expected(*pair, data_range=float(largest[index]))
        assert float(ours[index]) == pytest.approx(theirs, abs=2e-6)


@pytest.mark.parametrize("number", range(8))
def test_loss_equals_the_reference(number):
    case = arrays("metrics/fastmri_losses.npz", f"fastmri{number:02d}.")
    loss = mean_absolute_error(case["logits"], case["labels"], mask=case.get("mask"))
    np.testing.assert_allclose(loss.per_example, case["per_example"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(loss.summed, case["summed"], rtol=1e-5)
    assert float(loss.weights) == case["n_valid_examples"]


def test_label_smoothing_is_ignored():
    workload = load_workload("fastmri", "mini")
    batch = {"targets": noise(2, 8, 8)}
    plain, smooth = (workload.loss(noise(2, 8, 8, mean=1.0), batch, a).mean for a in (0.0, 0.2))
    assert float(plain) == float(smooth)


def test_evaluation_is_the_mean_over_real_examples():
    workload = load_workload("fastmri", "mini")
    targets = noise(3, 12, 12)
    batch = {
        "inputs": targets + np.array([0.0, 0.5, 9.0], np.float32)[:, None, None],
        "targets": targets,
        "mean": np.zeros(3, np.float32),
        "std": np.ones(3, np.float32),
        "volume_max": np.array([5.0, 5.0, 0.0], np.float32),
        "weights": np.array([1.0, 1.0, 0.0], np.float32),
    }
    batch = {name: ops.convert_to_tensor(value) for name, value in batch.items()}
    result = workload.evaluate_batch(lambda inputs: inputs, batch)
    summary = workload.summarize([{k: np.asarray(v) for k, v in result.items()}])
    assert set(summary) == {"loss", "ssim"}
    assert summary["loss"] == pytest.approx(0.25, rel=1e-5)
    assert summary["ssim"] == pytest.approx((1.0 + float(result["ssim"][1])) / 2, rel=1e-5)


def test_higher_is_better():
    metric = load_workload("fastmri", "mini").metric
    assert (metric.name, metric.higher_is_better) == ("ssim", True)


def test_unknown_variant_is_refused_in_one_line():
    with pytest.raises(KitError, match="Choose one of: layernorm, model_size, tanh"):
        load_workload("fastmri", "full", "gelu")
