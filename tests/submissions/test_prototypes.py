"""Prototypes that need more than one gradient per step: the contract must carry them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from kit import paths
from kit.conformance.algorithm import compare, hyperparameters
from kit.conformance.golden_algorithms import GoldenAlgorithm
from kit.conformance.golden_problem import read_golden
from kit.rules.hyperparameters import Declared, completed, read_declared
from kit.trainer.assembly import import_submission
from kit.trainer.data import Queue
from kit.trainer.loop import Loop

GOLDEN = paths.PROJECT / "tests" / "golden" / "optimizers"
PROTOTYPES = Path(__file__).parent / "prototypes"
ADAM = {"one_minus_beta1": 0.1, "beta2": 0.99, "weight_decay": 0.01}
HYPERPARAMETERS = {
    "sam": {**ADAM, "learning_rate": 0.05, "rho": 0.05},
    "shampoo": {
        **ADAM,
        "learning_rate": 0.05,
        "matrix_epsilon": 1e-4,
        "merge_small_dims_block_size": 16,
        "preconditioning_compute_steps": 3,
        "start_preconditioning_step": 4,
    },
    "schedule_free": {
        "lr": 0.05,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "weight_decay": 0.01,
        "warmup_steps": 2,
    },
    "adaptive_batch_size": {
        "learning_rate": 0.3,
        "eta": 0.5,
        "test_interval": 3,
        "largest_batch_size": 40,
    },
}


def declared(prototype: str) -> Declared:
    folder = PROTOTYPES / prototype
    return read_declared({"submission.py": (folder / "submission.py").read_bytes()}, folder, {})


def point(prototype: str) -> dict:
    return completed(declared(prototype), HYPERPARAMETERS[prototype])


@pytest.mark.parametrize("xla", [False, True], ids=["plain", "xla"])
@pytest.mark.parametrize(
    ("prototype", "file", "entry"),
    [
        ("sam", "sam", GoldenAlgorithm("sam")),
        ("shampoo", "shampoo", GoldenAlgorithm("shampoo")),
        (
            "schedule_free",
            "schedule_free_adamw",
            GoldenAlgorithm(
                "schedule_free",
                renamed={"betas": ("beta_1", "beta_2")},
                param_is_evaluated=True,
            ),
        ),
    ],
)
def test_prototype_reproduces_the_golden_trajectory(
    prototype: str, file: str, entry: GoldenAlgorithm, xla: bool
) -> None:
    golden = read_golden(GOLDEN / f"{file}.npz")
    given = hyperparameters(golden, entry, declared(prototype))
    checks = compare(golden, import_submission(PROTOTYPES / prototype), entry, given, xla=xla)

    assert len(checks) == 6
    assert all(check.passed for check in checks), checks


@pytest.mark.parametrize("prototype", sorted(HYPERPARAMETERS))
def test_prototype_learns_on_a_real_model(prototype: str, tiny_trial) -> None:
    trial = tiny_trial(import_submission(PROTOTYPES / prototype), point(prototype))
    before = trial.loss(trial.train(0))

    assert trial.loss(trial.train(20)) < 0.9 * before


def test_rare_stage_runs_only_when_it_is_due(tiny_trial) -> None:
    trial = tiny_trial(import_submission(PROTOTYPES / "shampoo"), point("shampoo"))
    seen = []
    trial.program.replace_state(lambda state: seen.append(state["roots"]) or state)
    for step in range(4):
        trial.program.step(trial.workload.synthetic_batch(32, step), step)
        trial.program.replace_state(lambda state: seen.append(state["roots"]) or state)
    roots = [np.asarray(state[0][0]) for state in seen]
    changed = [not np.array_equal(a, b) for a, b in itertools.pairwise(roots)]

    assert changed == [True, False, False, True]
    assert trial.program.xla == {"accumulate": False, "roots": False, "descend": False}


def test_norm_test_agrees_with_the_golden_cases(tiny_trial) -> None:
    module_norm_test = import_submission(PROTOTYPES / "adaptive_batch_size").test.__globals__
    with np.load(GOLDEN / "adaptive_batch_size_tests.npz") as content:
        for number, case in enumerate(json.loads(str(content["expected"]))):
            gradients = [content[f"{number:02}.p{leaf}"] for leaf in range(3)]
            wanted = float(module_norm_test["norm_test"](gradients, case["eta"]))
            assert wanted == case["norm_test"]["next_batch"]


class _Port:
    """A referee that never evaluates."""

    def __init__(self) -> None:
        self.completed: int | None = None

    def evaluation_due(self) -> bool:
        return False

    def set_step(self, step: int) -> None:
        pass

    def complete(self, step: int, arrays: list, report: object) -> None:
        self.completed = step


def test_batch_grows_by_feedback_of_an_earlier_step(tiny_trial) -> None:
    given = point("adaptive_batch_size")
    algorithm = import_submission(PROTOTYPES / "adaptive_batch_size")
    trial = tiny_trial(algorithm, {**given, "eta": 0.01}, batch_size=8)
    sizes: list[int] = []
    step = trial.program.step

    def recording_step(batch, number):
        sizes.append(int(batch["inputs"].shape[0]))
        return step(batch, number)

    trial.program.step = recording_step
    port = _Port()
    Loop(trial.program, Queue(trial.workload.dataset(None, 8), 8), port).run(max_steps=4)

    assert sizes == [8, 40, 40, 40]  # the test of step 0 is visible at step 1, and is bounded
    assert port.completed == 4
