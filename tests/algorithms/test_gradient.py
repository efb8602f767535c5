"""The base class of gradient methods: what reaches the workload and the update rule."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kit.algorithms import GradientAlgorithm
from kit.algorithms.gradient import HYPERPARAMETERS
from kit.backend import framework
from kit.contracts import LossAndGradients


class RecordingView(SimpleNamespace):
    """A workload whose gradient is (3, 4), and that remembers how it was asked."""

    def loss_and_gradients(self, params: Any, model_state: Any, batch: Any, rng: Any, **options):
        self.options = options
        gradients = [np.float32([3.0]), np.float32([4.0])]
        return LossAndGradients(np.float32(0.0), gradients, ["next statistics"])


DEFAULTS = {name: one["default"] for name, one in HYPERPARAMETERS.items() if "default" in one}


class Recorder(GradientAlgorithm):
    """Passes everything on and keeps what it was given."""

    def apply(self, params, state, gradients, learning_rate, step):
        self.given = (gradients, float(learning_rate))
        return params, "next state"


def updated(**hyperparameters: Any) -> tuple[Recorder, Any]:
    view = RecordingView(step_hint=10)
    algorithm = Recorder(view, {"learning_rate": 0.5, **DEFAULTS, **hyperparameters})
    update = algorithm.update(["p"], "state", ["statistics"], {}, None, framework().scalar(1))
    return algorithm, update


def test_defaults_leave_loss_and_gradients_alone() -> None:
    algorithm, _ = updated()

    assert algorithm.workload.options == {"label_smoothing": 0.0, "dropout_rate": None}
    assert [g.tolist() for g in algorithm.given[0]] == [[3.0], [4.0]]


def test_regularization_reaches_the_workload() -> None:
    algorithm, _ = updated(label_smoothing=0.1, dropout_rate=0.2)

    assert algorithm.workload.options == {"label_smoothing": 0.1, "dropout_rate": 0.2}


def test_gradients_are_clipped_before_the_rule_sees_them() -> None:
    algorithm, _ = updated(grad_clip=1.0)

    np.testing.assert_allclose(np.concatenate(algorithm.given[0]), [0.6, 0.8], rtol=1e-6)


def test_learning_rate_warms_up_over_a_share_of_the_step_hint() -> None:
    assert updated(warmup_factor=0.25)[0].given[1] == 0.25  # int(2.5) steps; step 1 is half way
    assert updated(warmup_factor=0.0)[0].given[1] == pytest.approx(0.5 * 0.97552826)


def test_model_state_and_state_go_on() -> None:
    _, update = updated()

    assert (update.model_state, update.state) == (["next statistics"], "next state")


def built(algorithm: type[GradientAlgorithm]) -> Any:
    return algorithm(RecordingView(step_hint=10), {"learning_rate": 0.5, **DEFAULTS})


def test_forgotten_rule_is_named() -> None:
    class Forgetful(GradientAlgorithm):
        pass

    with pytest.raises(NotImplementedError, match=r"Forgetful must define rule\(\) or apply\(\)"):
        built(Forgetful).apply([1.0], {}, [1.0], 0.1, 0)


def test_slots_start_as_zeros_and_reach_the_rule_in_their_order() -> None:
    class Counting(GradientAlgorithm):
        slots = ("a", "b")

        def rule(self, p, a, b, g, learning_rate, step):
            return p - learning_rate * g, a + 1.0, b + g

    algorithm, params = built(Counting), [np.float32([1.0, 2.0]), np.float32([[3.0]])]
    state = {**algorithm.init(params, None), "other": "kept"}
    gradients = [np.float32([1.0, 1.0]), np.float32([[2.0]])]
    params, state = algorithm.apply(params, state, gradients, 0.5, 0)
    params, state = algorithm.apply(params, state, gradients, 0.5, 1)

    assert [np.asarray(p).tolist() for p in params] == [[0.0, 1.0], [[1.0]]]
    assert [np.asarray(a).tolist() for a in state["a"]] == [[2.0, 2.0], [[2.0]]]
    assert [np.asarray(b).tolist() for b in state["b"]] == [[2.0, 2.0], [[4.0]]]
    assert state["other"] == "kept"


def test_rule_without_slots_returns_the_parameter_alone() -> None:
    class Descent(GradientAlgorithm):
        def rule(self, p, g, learning_rate, step):
            return p - learning_rate * g

    assert built(Descent).apply([1.0], {}, [2.0], 0.25, 0) == ([0.5], {})
