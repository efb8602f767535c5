"""Stages, their periods, and what a step passes on."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops

from kit.contracts import EvaluationResult, Stage, TrainingAlgorithm, Update
from kit.trainer.data import Queue
from kit.trainer.loop import Loop
from kit.trainer.program import Program


class Staged(TrainingAlgorithm):
    """Counts how often each stage ran, and sees in the last what the first left in the state."""

    stages = (Stage("often"), Stage("rarely", every=3, first=1, xla=False), Stage("apply"))

    def __init__(self) -> None:
        super().__init__(None, {})  # type: ignore[arg-type]

    def init(self, params: list[Any], rng: Any) -> Any:
        return {"often": ops.zeros(()), "rarely": ops.zeros(()), "first": rng}

    def often(self, params, state, model_state, batch, rng, step):
        state = {**state, "often": state["often"] + 1}
        return Update(params, state, model_state, {"often": state["often"]})

    def rarely(self, params, state, model_state, batch, rng, step):
        return Update(params, {**state, "rarely": state["rarely"] + 1}, model_state)

    def apply(self, params, state, model_state, batch, rng, step):
        moved = [p + state["often"] for p in params]
        return Update(moved, state, model_state, {"step": step})

    def eval_params(self, params, state, model_state):
        return [p * 0 + state["rarely"] for p in params], model_state


def program(algorithm: TrainingAlgorithm, *, xla: bool = False) -> Program:
    params, model_state = [np.zeros(2, np.float32)], [np.ones(3, np.float32)]
    return Program(algorithm, params, model_state, seed=1, xla=xla)


BATCH = {"inputs": ops.ones((4, 1))}


@pytest.mark.parametrize("xla", [False, True])
def test_stages_run_at_their_periods_and_share_the_state(xla: bool) -> None:
    built = program(Staged(), xla=xla)
    assert built.xla == {"often": xla, "rarely": False, "apply": xla}
    feedback = [built.step(BATCH, step)[0] for step in range(7)]
    assert [float(f["often"]) for f in feedback] == [1, 2, 3, 4, 5, 6, 7]
    assert [int(f["step"]) for f in feedback] == list(range(7))
    evaluated, statistics = built.evaluation_weights()
    assert evaluated.tolist() == [2, 2]  # "rarely" ran at steps 1 and 4
    assert statistics.tolist() == [1, 1, 1]


def test_training_goes_on_from_its_own_parameters_after_eval_params() -> None:
    built = program(Staged())
    built.step(BATCH, 0)
    built.evaluation_weights()
    built.step(BATCH, 1)
    assert np.asarray(built._carry.value()["params"][0]).tolist() == [3, 3]  # 1 + 2


class Recording:
    """A port that evaluates at given steps and remembers what it was told."""

    def __init__(self, at: set[int]) -> None:
        self.at, self.step, self.evaluated, self.completed = at, 0, [], 0

    def set_step(self, step: int) -> None:
        self.step = step

    def evaluation_due(self) -> bool:
        return self.step in self.at

    def evaluate(self, step: int, arrays: list[np.ndarray], report: Any) -> EvaluationResult:
        self.evaluated.append((step, float(arrays[0][0])))
        return EvaluationResult(step, 1.0, 10.0, {}, 0.5, True)

    def complete(self, step: int, arrays: list[np.ndarray], report: Any) -> None:
        self.completed = step


class Restarting(Staged):
    """Sets its counter back at each evaluation, and ends after six batches."""

    def on_evaluation(self, state: Any, result: EvaluationResult) -> Any:
        return {**state, "often": ops.zeros(())}

    def batches(self, queue, feedback):
        return itertools.islice(queue, 6)


def test_the_loop_yields_between_steps_lets_the_state_change_and_completes() -> None:
    built, port = program(Restarting()), Recording({1, 4})
    loop = Loop(built, Queue(itertools.repeat(BATCH), 4), port)
    loop.run()
    assert port.evaluated == [(1, 0.0), (4, 1.0)]
    assert port.completed == loop.steps == 6
    state = built._carry.value()["state"]
    assert float(state["often"]) == 2  # two steps since the last evaluation


class Growing(Staged):
    """Returns a state of another structure than it began with."""

    def often(self, params, state, model_state, batch, rng, step):
        return Update(params, {**state, "new": ops.ones(())}, model_state)


def test_a_state_that_changes_its_structure_is_refused() -> None:
    with pytest.raises(ValueError, match="structure"):
        program(Growing()).step(BATCH, 0)


class Seeded(Staged):
    """Hands out its randomness."""

    stages = (Stage("often"), Stage("apply"))

    def often(self, params, state, model_state, batch, rng, step):
        return Update(params, state, model_state, {"one": rng})

    def apply(self, params, state, model_state, batch, rng, step):
        return Update(params, state, model_state, {"two": rng})


def test_randomness_differs_between_steps_not_between_stages_or_runs() -> None:
    runs = [[program(Seeded()).step(BATCH, step)[0] for step in (0, 1)] for _ in range(2)]
    drawn = [
        [tuple(np.asarray(f[n]).tolist()) for f in run for n in ("one", "two")] for run in runs
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] == drawn[0][1] != drawn[0][2] == drawn[0][3]
