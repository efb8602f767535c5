"""The state on the device: updated in place, one copy of it."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from kit.backend import framework
from kit.errors import NotAvailable

backend = framework()


def test_the_tensors_it_was_made_from_are_not_kept() -> None:
    tensor = ops.ones((1000,))
    gone = weakref.ref(tensor)
    carry = backend.carry({"x": [tensor]})
    del tensor
    gc.collect()
    assert gone() is None
    assert float(ops.sum(carry.value()["x"][0])) == 1000


@pytest.mark.parametrize("xla", [False, True])
def test_compiled_functions_update_the_state_in_place(xla: bool) -> None:
    carry = backend.carry({"count": ops.zeros((), "int32"), "kept": ops.ones((3,))})

    def step(state, amount):
        return {**state, "count": state["count"] + amount}, state["count"] * 10

    call = carry.compile(step, xla=xla)
    assert [int(call(backend.scalar(2))) for _ in range(3)] == [0, 20, 40]
    assert int(carry.value()["count"]) == 6


@pytest.mark.parametrize("xla", [False, True])
def test_copies_on_the_host_are_not_changed_by_later_calls(xla: bool) -> None:
    start = ops.ones((1000,))
    carry = backend.carry([start])
    call = carry.compile(lambda state: ([state[0] + 1], 0), xla=xla)
    copies = backend.to_host(carry.value())
    for _ in range(3):
        call()
        copies += backend.to_host(carry.value())

    assert [copy.min() for copy in copies] == [copy.max() for copy in copies] == [1, 2, 3, 4]
    assert float(start[0]) == 1


def test_a_state_of_other_structure_or_shape_is_refused() -> None:
    carry = backend.carry({"x": ops.ones((3,))})
    with pytest.raises(ValueError, match="structure"):
        carry.compile(lambda state: ({"y": state["x"]}, 0), xla=False)()
    with pytest.raises(ValueError, match="shape"):
        carry.compile(lambda state: ({"x": state["x"][:2]}, 0), xla=False)()


def test_gradients_of_any_pytree_are_zero_where_nothing_depends() -> None:
    def function(x, factor):
        return ops.sum(x["a"] ** 2) * factor, "aux"

    (value, aux), gradients = backend.value_and_grad(function)(
        {"a": ops.ones((2,)), "b": ops.ones((3,))}, 3.0
    )
    assert float(value) == 6
    assert aux == "aux"
    np.testing.assert_array_equal(gradients["a"], [6, 6])
    np.testing.assert_array_equal(gradients["b"], [0, 0, 0])


def test_no_function_is_traced_twice_for_the_same_shapes() -> None:
    traces = []

    def step(state, batch):
        traces.append(1)
        return state + ops.sum(batch), 0

    call = backend.carry(ops.zeros(())).compile(step, xla=False)
    for _ in range(5):
        call(tf.ones((4,)))
    assert len(traces) == 1


def test_another_backend_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    with pytest.raises(NotAvailable, match="no 'torch' backend yet. Choose one of: tensorflow"):  # noqa: RUF043
        framework()
