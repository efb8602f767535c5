"""What every submission must fulfil."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

from kit import paths
from kit.conformance.algorithm import check_algorithm
from kit.conformance.golden_algorithms import match
from kit.contracts import TrainingAlgorithm
from kit.registry import submission_names
from kit.rules.submission import load_submission
from kit.trainer.assembly import import_submission

GOLDEN = paths.PROJECT / "tests" / "golden" / "optimizers"
TRAJECTORIES = [path for path in sorted(GOLDEN.glob("*.npz")) if match([path.stem])]

every_submission = pytest.mark.parametrize("name", submission_names())


def folder(name: str) -> Path:
    return paths.SUBMISSIONS / name


def points(name: str) -> list[dict]:
    submission = load_submission(name)
    return [submission.completed(point) for point in submission.tuning_for("mini").points]


def test_the_five_submissions_are_found() -> None:
    expected = {"adamw", "heavy_ball", "keras_adamw", "nadamw", "nesterov"}
    assert expected <= set(submission_names())


@every_submission
def test_file_is_short_and_explains_itself(name: str) -> None:
    text = (folder(name) / "submission.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""

    assert len(text.splitlines()) < 100
    for part in ("https://", "<-", "Deviations"):
        assert part in docstring


@every_submission
def test_defines_exactly_one_algorithm(name: str) -> None:
    assert issubclass(import_submission(folder(name)), TrainingAlgorithm)


@every_submission
def test_state_keeps_its_shapes_and_dtypes_at_every_mini_point(name: str, tiny_trial) -> None:
    for point in points(name):
        trial = tiny_trial(import_submission(folder(name)), point, compiled=False)
        params, model_state = trial.initial()
        rng = keras.ops.zeros((2,), "int32")
        state = trial.algorithm.init(params, rng)
        update = trial.algorithm.update(
            params, state, model_state, trial.workload.synthetic_batch(8), rng, rng[0]
        )

        assert _specs(update.state) == _specs(state)
        assert _specs(update.params) == _specs(params)


def _specs(tree) -> list:
    return [
        (path, tuple(leaf.shape), keras.backend.standardize_dtype(leaf.dtype))
        for path, leaf in keras.tree.flatten_with_path(tree)
    ]


@every_submission
def test_learns_with_xla_as_without(name: str, tiny_trial) -> None:
    algorithm = import_submission(folder(name))
    # Without dropout: TensorFlow draws other random numbers under XLA.
    given = {**points(name)[0], "dropout_rate": 0.0}
    trials = {xla: tiny_trial(algorithm, given, xla=xla) for xla in (False, True)}
    before = trials[False].loss(trials[False].train(0))
    weights = {xla: trial.train(3) for xla, trial in trials.items()}

    assert trials[False].loss(trials[False].train(30)) < before
    for plain, compiled in zip(weights[False], weights[True], strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-4)


@pytest.mark.parametrize("path", TRAJECTORIES, ids=lambda path: path.stem)
def test_reproduces_its_golden_trajectories(path: Path) -> None:
    report = check_algorithm(path)

    assert report.passed, report.as_json()


def test_keras_adamw_agrees_with_adamw_where_epsilon_does_not_matter() -> None:
    assert check_algorithm(GOLDEN / "adamw.npz", "keras_adamw").passed
