"""Layers take the kernels of the backend that builds them, and of no other."""

from __future__ import annotations

import keras
import pytest

from kit.backend import framework
from kit.backend.functional import FunctionalModel
from kit.contracts import BatchNormalization, InstanceNormalization
from kit.contracts.kernels import PORTABLE, Kernels, build_with, current_kernels


class Workload:
    """Builds one layer of each kind that has a kernel."""

    config = type("Config", (), {"parameter_kinds": {}})()

    def build_model(self) -> keras.Model:
        inputs = keras.Input((4, 4, 3))
        self.layers = [BatchNormalization(), InstanceNormalization()]
        return keras.Model(inputs, self.layers[1](self.layers[0](inputs)))


def test_models_of_the_kit_have_the_kernels_of_the_backend() -> None:
    workload, backend = Workload(), framework().kernels()
    FunctionalModel(workload)  # type: ignore[arg-type]

    assert [layer._normalize for layer in workload.layers] == [
        backend.batch_normalization,
        backend.instance_normalization,
    ]
    assert backend.batch_normalization is not PORTABLE.batch_normalization
    assert current_kernels() is PORTABLE


def test_layers_that_no_backend_builds_have_portable_kernels() -> None:
    workload = Workload()
    workload.build_model()

    assert workload.layers[0]._normalize is PORTABLE.batch_normalization
    assert workload.layers[1]._normalize is PORTABLE.instance_normalization


def test_kernels_are_those_at_building_even_if_building_fails() -> None:
    own = Kernels(instance_normalization=lambda x, epsilon: x + epsilon)
    with pytest.raises(RuntimeError), build_with(own):
        layer = InstanceNormalization(epsilon=1.0)
        raise RuntimeError

    assert float(layer(keras.ops.zeros(()))) == 1.0
    assert current_kernels() is PORTABLE
