"""Parameters trained beforehand, as text: the limit on size, and what a placebo finds."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kit.data import load_arrays, train_folder
from kit.data.permuted import permuted_training_split
from kit.errors import InvalidSubmission
from kit.planning.plan import plan_trial
from kit.records.record import TrialState
from kit.referee.placebo import PlaceboVerdict, run_placebo
from kit.rules.folder import compressed_bytes
from kit.rules.ruleset import load_ruleset
from kit.rules.submission import load_submission
from tests.conftest import Attack, Silent, write_attack

SIDE, UNITS, STEPS, BATCH = 14, 40, 1500, 100
MNIST = load_ruleset("mini").workloads["mnist"]
NADAMW = 0.232  # the larger of two placebos of nadamw


@pytest.fixture(scope="session")
def weights(mnist_data: None) -> np.ndarray:
    """Train a perceptron of 40 units on digits of 14 × 14 pixels: its 8,290 parameters."""
    arrays = load_arrays("mnist", "mini", "train")
    images = arrays["inputs"].astype(np.float32) / 255
    x = images.reshape(-1, SIDE, 2, SIDE, 2).mean((2, 4)).reshape(len(images), -1)
    y = np.eye(10, dtype=np.float32)[arrays["targets"]]
    draw = np.random.default_rng(0)
    shapes = {(SIDE**2, UNITS): 0.1, (UNITS,): 0, (UNITS, 10): 0.2, (10,): 0}
    params = [draw.normal(0, 1, shape).astype(np.float32) * std for shape, std in shapes.items()]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    for step in range(1, STEPS + 1):
        chosen = draw.integers(0, len(x), BATCH)
        hidden = 1 / (1 + np.exp(-(x[chosen] @ params[0] + params[1])))
        likely = np.exp(hidden @ params[2] + params[3])
        error = (likely / likely.sum(1, keepdims=True) - y[chosen]) / BATCH
        back = error @ params[2].T * hidden * (1 - hidden)
        gradients = [x[chosen].T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
        for p, g, (m, v) in zip(params, gradients, moments, strict=True):
            m += 0.1 * (g - m)
            v += 0.01 * (g**2 - v)
            adam = m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8)
            p -= 0.01 * (1 - step / STEPS) * (adam + 0.05 * p)
    return np.concatenate([p.ravel() for p in params])


def placebo(submission: str | Path, folder: Path) -> float:
    """Return what a submission reaches within twenty seconds on permuted labels."""
    where = {"results": folder / "results", "config": folder / "config"}
    request = plan_trial(workload="mnist", submission=submission, **where)
    rules = request.rules.model_copy(update={"max_runtime_seconds": 20.0})
    request = request.changed(rules=rules)
    return run_placebo(request, config=where["config"], observer=Silent(), extras=None)


@pytest.fixture
def small(weights: np.ndarray, tmp_path: Path) -> Path:
    """The attack as a submission, with a byte for each parameter."""
    scale = float(np.abs(weights).max() / 127)
    numbers = np.round(weights / scale).astype(np.int8)
    text = base64.b85encode(numbers.tobytes()).decode()
    return write_attack(
        tmp_path / "beforehand", "trained_beforehand", TEXT=text, SCALE=scale, UNITS=UNITS
    )


def test_a_model_of_usual_size_does_not_fit_into_a_submission(
    weights: np.ndarray, tmp_path: Path
) -> None:
    numbers = np.resize(np.round(weights * 100).astype(np.int8), 101_770)
    numbers += np.random.default_rng(0).integers(-8, 8, numbers.shape, np.int8)
    text = base64.b85encode(numbers.tobytes()).decode()
    folder = write_attack(tmp_path / "large", "trained_beforehand", TEXT=text)
    with pytest.raises(InvalidSubmission, match=r"bytes when compressed, and the ruleset allows"):
        load_submission(folder, load_ruleset("mini").submission_limits)


def test_a_small_model_fits_and_its_placebo_flags_it(small: Path, tmp_path: Path) -> None:
    """No limit on size that leaves room for an algorithm stops a model of mnist's digits."""
    limits = load_ruleset("mini").submission_limits
    assert compressed_bytes(load_submission(small, limits).contents) < limits.max_compressed_bytes
    best = placebo(small, tmp_path)
    assert best >= MNIST.target.validation
    assert PlaceboVerdict.of(best, NADAMW, MNIST.target).flagged
    record = json.loads(next((tmp_path / "results").rglob("trial.json")).read_text())
    assert record["state"] == TrialState.TARGET_REACHED
    assert record["unofficial_reasons"] == ["the training labels were permuted"]


@pytest.mark.slow
def test_a_placebo_flags_evaluation_examples_however_they_are_encoded(
    mnist_data: None, tmp_path: Path
) -> None:
    arrays = load_arrays("mnist", "mini", "validation")
    images = arrays["inputs"].reshape(-1, 14, 2, 14, 2).mean((2, 4)) > 100
    labels = arrays["targets"].astype(np.uint8)
    content = zlib.compress(labels.tobytes() + np.packbits(images).tobytes(), 9)
    folder = write_attack(
        tmp_path / "examples",
        "evaluation_examples",
        TEXT=base64.b85encode(content).decode(),
        EXAMPLES=len(labels),
    )
    load_submission(folder, load_ruleset("mini").submission_limits)  # small enough
    assert PlaceboVerdict.of(placebo(folder, tmp_path), NADAMW, MNIST.target).flagged


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nadamw", "heavy_ball"])
def test_an_honest_submission_learns_nothing_from_permuted_labels(
    name: str, tmp_path: Path
) -> None:
    assert not PlaceboVerdict.of(placebo(name, tmp_path), NADAMW, MNIST.target).flagged


@pytest.mark.slow
def test_a_trainer_sees_only_that_the_labels_are_others(sandboxed: Attack, tmp_path: Path) -> None:
    def files(**options: Any) -> dict[str, list[Any]]:
        text = sandboxed("read_labels", **options).record.failure.traceback
        found: dict[str, list[Any]] = json.loads(text.rpartition("FILES ")[2].splitlines()[0])
        return found

    permuted = permuted_training_split("mnist", "mini", 0, tmp_path / "permuted")
    true = files(trial=1)
    placebo = files(trial=2, change=lambda plan: replace(plan, training_data=permuted))
    assert true.keys() == placebo.keys()
    assert {Path(name).parent for name in true} == {train_folder("mnist", "mini")}
    changed = {Path(name).name for name in true if true[name][2] != placebo[name][2]}
    assert changed == {"manifest.json", "targets.npy"}
    assert [entry[:2] for entry in true.values()] == [entry[:2] for entry in placebo.values()]
