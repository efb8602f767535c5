from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from kit.backend import framework
from kit.backend.functional import build_initial, build_shapes
from kit.contracts import ForwardMode, LayerNormalization, sigmoid_cross_entropy
from kit.errors import KitError
from kit.registry import load_workload
from workloads.criteo1tb.model import EmbeddingTable, pairwise_products

GOLDEN = Path(__file__).parent.parent / "golden"
TINY = {
    "vocab_size": 64,
    "embed_dim": 4,
    "mlp_bottom_dims": [8, 4],
    "mlp_top_dims": [8, 8, 1],
}


@pytest.mark.parametrize(("variant", "scale"), [(None, 1 / 2048), ("embed_init", 1.0)])
def test_embeddings_start_uniform_between_zero_and_the_scale(variant, scale):
    golden = json.loads((GOLDEN / "initialisation/criteo1tb_embed_init.json").read_text())
    expected = golden["leaves"]["embedding_table"]  # of scale 1
    layers = {
        layer.name: layer
        for layer in build_shapes(load_workload("criteo1tb", "full", variant)).model.layers
    }
    assert layers["embedding_table"].init_scale == scale
    workload = load_workload("criteo1tb", "full", variant, model={**TINY, "vocab_size": 2**15})
    workload.config.model["embedding_init_scale"] = scale
    model = build_initial(workload, 0)
    table = dict(zip(model.names, model.initial_values()[0], strict=True))["embedding_table/table"]
    assert table.min() >= 0.0
    assert table.max() <= scale
    assert table.mean() / scale == pytest.approx(expected["mean"], abs=0.005)
    assert table.std() / scale == pytest.approx(expected["std"], abs=0.005)


def test_products_are_the_upper_triangle_with_the_diagonal_row_by_row():
    vectors = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    products = np.asarray(pairwise_products(keras.ops.convert_to_tensor(vectors)))
    pairs = [(i, j) for i in range(4) for j in range(i, 4)]
    expected = [[float(v[i] @ v[j]) for i, j in pairs] for v in vectors]
    np.testing.assert_allclose(products, expected, rtol=1e-5)


def test_ids_wrap_around_the_table_and_columns_share_its_rows():
    table = EmbeddingTable(8, 3, init_scale=1.0)
    vectors = np.asarray(table(np.array([[1, 9, 39_884_405]], np.int32)))[0]
    assert (vectors[0] == vectors[1]).all()
    np.testing.assert_array_equal(vectors[2], np.asarray(table.table)[39_884_405 % 8])


def test_the_only_dropout_is_before_the_last_layer():
    workload = load_workload("criteo1tb", "full", model=TINY)
    model = build_initial(workload, 0)
    params, state = model.initial_values()
    batch = workload.synthetic_batch(64)

    def outputs(rate: float | None) -> np.ndarray:
        mode = ForwardMode(True, rate, keras.ops.convert_to_tensor(np.array([1, 2], np.int32)))
        return np.asarray(model.forward(params, state, batch, mode)[0])

    assert (outputs(None) == outputs(0.0)).all()
    assert (outputs(0.5) != outputs(0.0)).any()
    bias = params[model.names.index("Dense_4/bias")]
    np.testing.assert_allclose(outputs(1.0), np.broadcast_to(bias, (64, 1)))  # all hidden units


def test_gradient_of_the_embeddings_is_dense():
    """Algorithms get one gradient of the shape of every parameter, zero for rows not looked up."""
    workload = load_workload("criteo1tb", "full", model=TINY)
    model = build_initial(workload, 0)
    params, state = model.initial_values()
    batch = workload.synthetic_batch(1)

    def loss(params):
        outputs, _ = model.forward(params, state, batch, ForwardMode(True))
        return workload.loss(outputs, batch).mean, None

    tensors = [keras.ops.convert_to_tensor(value) for value in params]
    _, gradients = framework().value_and_grad(loss)(tensors)
    gradient = np.asarray(gradients[model.names.index("embedding_table/table")])
    used = np.unique(batch["inputs"][:, 13:].astype(int) % TINY["vocab_size"])
    assert gradient.shape == (TINY["vocab_size"], TINY["embed_dim"])
    assert not np.delete(gradient, used, axis=0).any()


def test_layer_normalisation_uses_the_biased_variance():
    norm = LayerNormalization()
    norm.build((None, 5))
    norm.scale.assign([1.0, 2.0, 0.5, 1.0, 1.0])
    norm.bias.assign([0.0, -1.0, 3.0, 0.0, 0.0])
    x = np.random.default_rng(0).normal(2.0, 3.0, (8, 5)).astype(np.float32)
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    expected = expected * [1.0, 2.0, 0.5, 1.0, 1.0] + [0.0, -1.0, 3.0, 0.0, 0.0]
    np.testing.assert_allclose(np.asarray(norm(x)), expected, atol=1e-5)


@pytest.mark.parametrize("case", [f"{number:02d}" for number in range(24)])
def test_metric_equals_the_reference(case):
    with np.load(GOLDEN / "metrics" / "criteo_sigmoid_ce.npz", allow_pickle=False) as golden:
        arrays = {k[3:]: golden[k] for k in golden.files if k.startswith(f"{case}.")}
    loss = sigmoid_cross_entropy(arrays["logits"], arrays["labels"], mask=arrays.get("mask"))
    expected = arrays["per_example"].ravel()
    np.testing.assert_allclose(loss.per_example, expected, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(loss.summed, arrays["summed"], rtol=1e-5)
    assert float(loss.weights) == arrays["n_valid_examples"]


def test_label_smoothing_is_ignored():
    workload = load_workload("criteo1tb", "mini")
    batch = {"targets": np.array([0.0, 1.0], np.float32)}
    logits = np.array([[0.3], [-2.0]], np.float32)
    plain, smooth = (workload.loss(logits, batch, a).per_example for a in (0.0, 0.2))
    assert np.asarray(plain).tolist() == np.asarray(smooth).tolist()


def test_lower_is_better():
    metric = load_workload("criteo1tb", "mini").metric
    assert (metric.name, metric.higher_is_better) == ("loss", False)


def test_evaluation_is_the_mean_over_real_examples():
    workload = load_workload("criteo1tb", "mini")
    batch = {
        "inputs": np.array([[0.5], [-1.0], [3.0]], np.float32),
        "targets": np.array([1.0, 0.0, 0.0], np.float32),
        "weights": np.array([1.0, 1.0, 0.0], np.float32),
    }
    result = workload.evaluate_batch(lambda inputs: inputs, batch)
    summary = workload.summarize([{k: np.asarray(v) for k, v in result.items()}])
    assert set(summary) == {"loss"}
    expected = (np.log1p(np.exp(-0.5)) + np.log1p(np.exp(-1.0))) / 2
    assert summary["loss"] == pytest.approx(expected, rel=1e-6)


def test_unknown_variant_is_refused_in_one_line():
    with pytest.raises(KitError, match="Choose one of: embed_init, layernorm, resnet"):
        load_workload("criteo1tb", "full", "test")
