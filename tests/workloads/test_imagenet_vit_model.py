from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kit.backend import framework
from kit.backend.functional import FunctionalModel, build_initial
from kit.contracts import ForwardMode, LayerNormalization
from kit.registry import load_workload
from workloads.imagenet_vit.attention import MultiHeadAttention
from workloads.imagenet_vit.model import PatchEmbedding, sinusoids

GOLDEN = Path(__file__).parent.parent / "golden"
VARIANTS = ("glu", "post_ln", "map")


def test_probe_is_xavier_uniform_of_a_row():
    model = build_initial(load_workload("imagenet_vit", "full", "map", model={"depth": 1}), 0)
    values = dict(zip(model.names, model.initial_values()[0], strict=True))
    limit = np.sqrt(6 / (1 + 384))
    assert 0.95 * limit < np.abs(values["MAPHead_0/probe"]).max() <= limit


@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_outputs_start_at_zero_and_only_the_head_has_a_gradient(variant):
    workload = load_workload("imagenet_vit", "mini", variant)
    model = build_initial(workload, 0)
    batch = workload.synthetic_batch(4)

    def loss(params):
        outputs, _ = model.forward(params, [], batch, ForwardMode(True))
        return workload.loss(outputs, batch).mean, outputs

    params = [keras.ops.convert_to_tensor(value) for value in model.initial_values()[0]]
    (_, outputs), gradients = framework().value_and_grad(loss)(params)
    assert (np.asarray(outputs) == 0).all()
    moving = {n for n, g in zip(model.names, gradients, strict=True) if np.any(np.asarray(g))}
    assert moving == {"head/kernel", "head/bias"}


def noisy(model: FunctionalModel) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [
        value + 0.1 * draw.standard_normal(value.shape).astype(np.float32)
        for value in model.initial_values()[0]
    ]


@pytest.mark.parametrize("variant", [None, *VARIANTS])
def test_dropout_is_off_by_default_and_takes_the_rate_of_the_pass(variant):
    workload = load_workload("imagenet_vit", "mini", variant)
    model = build_initial(workload, 0)
    params, batch = noisy(model), workload.synthetic_batch(4)
    rng = keras.ops.convert_to_tensor(np.array([1, 2], np.int32))

    def outputs(rate, rng):
        mode = ForwardMode(True, dropout_rate=rate, rng=rng)
        return np.asarray(model.forward(params, [], batch, mode)[0])

    assert (outputs(None, rng) == outputs(None, None)).all()
    assert np.abs(outputs(0.5, rng) - outputs(0.0, rng)).max() > 1e-3


def test_positions_are_those_of_the_grid_row_by_row():
    positions = sinusoids(2, 3, 8)  # frequencies 1 and 1/10000
    assert positions.shape == (6, 8)
    y, x = 1, 2
    expected = [f(v * w) for v in (x, y) for f in (np.sin, np.cos) for w in (1.0, 1e-4)]
    np.testing.assert_allclose(positions[3 * y + x], expected, rtol=1e-6)


def test_patches_are_a_convolution_without_overlap():
    draw = np.random.default_rng(0)
    images = draw.standard_normal((2, 10, 13, 3)).astype(np.float32)  # 2 and 1 pixels are left
    layer = PatchEmbedding(5, 4)
    tokens = np.asarray(layer(images))
    expected = keras.ops.conv(images, layer.kernel, strides=4, padding="valid")
    np.testing.assert_allclose(tokens, np.reshape(expected, (2, 6, 5)), atol=1e-5)


def test_attention_equals_its_definition():
    draw = np.random.default_rng(0)
    queries, tokens = (draw.standard_normal((2, n, 8)).astype(np.float32) for n in (3, 5))
    layer = MultiHeadAttention(8, 2)
    layer.build()
    for projection in (layer.query, layer.key, layer.value, layer.out):
        projection.bias.assign(draw.standard_normal(projection.bias.shape))

    def project(part, x):
        return (
            np.einsum("bnd,dhk->bhnk", x, np.asarray(part.kernel))
            + np.asarray(part.bias)[:, np.newaxis]
        )

    scores = np.einsum(
        "bhnk,bhmk->bhnm", project(layer.query, queries), project(layer.key, tokens)
    ) / np.sqrt(4)
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    mixed = np.einsum("bhnm,bhmk->bnhk", weights, project(layer.value, tokens))
    expected = np.einsum("bnhk,hkd->bnd", mixed, np.asarray(layer.out.kernel))
    ours = np.asarray(layer(queries, tokens))
    np.testing.assert_allclose(ours, expected + np.asarray(layer.out.bias), atol=1e-5)


def test_layer_normalisation_is_over_the_last_axis_with_the_biased_variance():
    x = np.random.default_rng(0).normal(2.0, 3.0, (4, 5, 8)).astype(np.float32)
    layer = LayerNormalization()
    layer.build(x.shape)
    layer.scale.assign(np.arange(8.0))
    layer.bias.assign(np.ones(8))
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layer(x), expected * np.arange(8.0) + 1, atol=1e-4)


def test_steps_are_traced_once():
    workload = load_workload("imagenet_vit", "mini")
    model = build_initial(workload, 0)
    traces = []

    def step(params, batch):
        traces.append(1)
        outputs, _ = model.forward(params, [], batch, ForwardMode(True))
        return params, workload.loss(outputs, batch).mean

    call = framework().carry(model.initial_values()[0]).compile(step, xla=False)
    for seed in range(4):
        batch = workload.synthetic_batch(8, seed)
        call({name: keras.ops.convert_to_tensor(value) for name, value in batch.items()})
    assert len(traces) == 1
