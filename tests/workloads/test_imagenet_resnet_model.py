from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from kit.backend import framework
from kit.backend.functional import build_initial
from kit.contracts import BatchNormalization, ForwardMode, forward_mode
from kit.contracts.kernels import PORTABLE
from kit.registry import load_workload

GOLDEN = Path(__file__).parent.parent / "golden"


def test_large_initial_scale_is_on_the_last_normalisation_of_every_block():
    file = GOLDEN / "initialisation" / "imagenet_resnet_large_bn_init.json"
    leaves = json.loads(file.read_text())["leaves"]
    golden = {k: v["mean"] for k, v in leaves.items() if k.endswith("scale")}
    model = build_initial(load_workload("imagenet_resnet", "full", "large_bn_init"), 0)
    values = dict(zip(model.names, model.initial_values()[0], strict=True))
    ours = {name: value for name, value in values.items() if name.endswith("scale")}
    assert ours.keys() == golden.keys()
    assert all((value == golden[name]).all() for name, value in ours.items())


@pytest.fixture
def norm() -> BatchNormalization:
    norm = BatchNormalization()
    norm.build((None, 4, 4, 3))
    norm.scale.assign([1.0, 2.0, 0.5])
    norm.bias.assign([0.0, -1.0, 3.0])
    return norm


def images() -> np.ndarray:
    return np.random.default_rng(0).normal(2.0, 3.0, (8, 4, 4, 3)).astype(np.float32)


def test_batch_statistics_normalise_and_update(norm):
    x = images()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    with forward_mode(ForwardMode(batch_statistics=True)):
        outputs = np.asarray(norm(x))
    expected = (x - mean) / np.sqrt(variance + 1e-5) * [1.0, 2.0, 0.5] + [0.0, -1.0, 3.0]
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(norm.mean, 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(norm.var, 0.9 + 0.1 * variance, rtol=1e-5)  # biased variance


def test_evaluation_uses_running_statistics_and_leaves_them(norm):
    norm.mean.assign([1.0, 2.0, 3.0])
    norm.var.assign([4.0, 9.0, 16.0])
    x = images()
    outputs = np.asarray(norm(x))
    expected = (x - [1.0, 2.0, 3.0]) / np.sqrt(np.array([4.0, 9.0, 16.0]) + 1e-5)
    np.testing.assert_allclose(outputs, expected * [1.0, 2.0, 0.5] + [0.0, -1.0, 3.0], atol=1e-5)
    assert np.asarray(norm.mean).tolist() == [1.0, 2.0, 3.0]


FUSED = framework().kernels().batch_normalization


def test_kernel_of_the_backend_agrees_with_the_portable_one():
    x, scale, bias = images(), np.array([1.0, 2.0, 0.5], np.float32), np.zeros(3, np.float32)

    def total(kernel):
        def function(tensors):
            outputs, mean, variance = kernel(*tensors, 1e-5)
            value = keras.ops.sum(keras.ops.sin(outputs)) + keras.ops.sum(mean)
            return value, (outputs, mean, variance)

        tensors = [keras.ops.convert_to_tensor(value) for value in (x, scale, bias)]
        (_, results), gradients = framework().value_and_grad(function)(tensors)
        return [*results, *gradients]

    # The mean has no gradient in the fused kernel: running statistics are never differentiated.
    for ours, portable in zip(
        total(FUSED)[:3] + total(FUSED)[4:],
        total(PORTABLE.batch_normalization)[:3] + total(PORTABLE.batch_normalization)[4:],
        strict=True,
    ):
        np.testing.assert_allclose(ours, portable, rtol=1e-4, atol=1e-4)


def test_constant_channels_give_finite_gradients():
    def function(x):
        outputs, _, _ = FUSED(x, np.ones(3, "f"), np.zeros(3, "f"), 1e-5)
        return keras.ops.sum(outputs**2), None

    x = keras.ops.ones((4, 2, 2, 3)) * 7.0
    (_, _), gradient = framework().value_and_grad(function)(x)
    assert np.isfinite(gradient).all()


@pytest.mark.slow
def test_two_runs_of_the_full_network_are_equal_bit_for_bit():
    framework().configure()
    workload = load_workload("imagenet_resnet", "full", model={"image_size": 64})
    batch = workload.synthetic_batch(4)

    def run() -> list[np.ndarray]:
        model = build_initial(workload, 3)

        def loss(params, state, batch):
            outputs, state = model.forward(params, state, batch, ForwardMode(True))
            return workload.loss(outputs, batch).mean, state

        def step(carry, batch):
            (value, state), gradients = framework().value_and_grad(loss)(*carry, batch)
            params = [p - 0.1 * g for p, g in zip(carry[0], gradients, strict=True)]
            return (params, state), value

        carry = framework().carry(model.initial_values())
        call = carry.compile(step, xla=False)
        for _ in range(3):
            call(batch)
        return [np.asarray(leaf) for leaf in keras.tree.flatten(carry.value())]

    assert all((a == b).all() for a, b in zip(run(), run(), strict=True))
