"""Compare a workload's model with a golden file: outputs, statistics, losses, gradients."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kit.backend import framework
from kit.backend.functional import FunctionalModel
from kit.conformance.golden_file import GoldenFile, read_golden
from kit.conformance.golden_models import GoldenModel, golden_model
from kit.conformance.report import Check, ConformanceReport
from kit.contracts.forward import ForwardMode
from kit.contracts.loss import Loss
from kit.errors import InvalidFile
from kit.registry import load_workload

Arrays = Mapping[str, np.ndarray]

LOSSES = {  # key in the file -> the outputs it is computed on, the targets, the label smoothing
    "loss": ("train", "target", 0.0),
    "loss_eval": ("eval", "target", 0.0),
    "loss_ls0.1": ("train", "target", 0.1),
    "loss_soft": ("train", "target_soft", 0.0),
    "loss_soft_ls0.1": ("train", "target_soft", 0.1),
}


def check_model(path: Path) -> ConformanceReport:
    """Check the file `<workload>[__<variant>].npz` against our model of that name.

    The model is built in the file's small configuration, with the file's parameters and state, and
    computed on the CPU in float32.

    Raises:
        InvalidFile: the file is not a golden model file, or damaged.
        UnknownName: there is no such workload or variant.
    """
    name, _, variant = path.stem.partition("__")
    with keras.device("cpu:0"):
        subject = _Subject(read_golden(path), name, variant or None)
        try:
            checks = tuple(subject.checks())
        except (KeyError, ValueError) as error:  # an input is missing or of another shape
            reason = " ".join(str(error).split())[:200]
            raise InvalidFile(f"{path}: its inputs do not fit the model: {reason}.") from None
    return ConformanceReport(str(path), f"{name} {variant}".strip(), checks)


class _Subject:
    """One golden file and our model, loaded with its parameters and state."""

    def __init__(self, golden: GoldenFile, name: str, variant: str | None) -> None:
        self.golden = golden
        self.rules = golden_model(name)
        self.model = _build(golden, self.rules, name, variant)
        self.params = self._ordered("param", self.model.names)
        self.state = self._ordered("state/batch_stats", self.model.state_names)
        self.inputs = golden.below("input")

    def _ordered(self, prefix: str, names: list[str]) -> list[np.ndarray]:
        theirs = self._below(prefix)
        if set(theirs) != set(names):
            odd = sorted(set(theirs) ^ set(names))[0]
            where = "only in the file" if odd in theirs else "only in our model"
            raise InvalidFile(f"{self.golden.path}: {prefix}/{odd} is {where}.")
        return [theirs[name] for name in names]

    def _below(self, prefix: str) -> dict[str, np.ndarray]:
        return {self.rules.path(k): v for k, v in self.golden.below(prefix).items()}

    def checks(self) -> Iterator[Check]:
        """Make all comparisons that the file has data for."""
        count = sum(value.size for value in self.params)
        stated = self.golden.meta.get("num_params", count)
        yield Check("number of parameters", abs(count - stated), 0.0)
        if any(a.shape != p.shape for a, p in zip(self.params, self.model.parameters, strict=True)):
            yield Check("shapes of parameters", float("inf"), 0.0)
            return
        outputs = yield from self._outputs()
        for key, (mode, targets, smoothing) in LOSSES.items():
            expected = self.golden.below(key)
            if expected:
                batch = self._batch(targets)
                loss = self.model.workload.loss(outputs[mode], batch, smoothing)
                yield from self._loss(key, loss, expected)
        if self.golden.below("grad"):
            yield from self._gradients()

    def _outputs(self) -> Generator[Check, None, dict[str, Any]]:
        batch = self._batch("target")
        evaluated, _ = self.model.forward(self.params, self.state, batch, ForwardMode(False))
        trained, state = self.model.forward(self.params, self.state, batch, ForwardMode(True))
        outputs = {"eval": evaluated, "train": trained}
        tolerances = {"eval": self.rules.output, "train": self.rules.training_output}
        for mode, output in outputs.items():
            key = f"output/{mode}"
            yield _compare(key, output, self.golden.required(key), tolerances[mode])
        if inputs := self.golden.below("input_alt"):
            other, _ = self.model.forward(self.params, self.state, inputs, ForwardMode(False))
            expected = self.golden.required("output_alt/eval")
            yield _compare("output_alt/eval", other, expected, self.rules.output)
        for name, value in zip(self.model.state_names, state, strict=True):
            key = f"new_state/batch_stats/{name}"
            yield _compare(key, value, self.golden.required(key), self.rules.state)
        return outputs

    def _loss(self, key: str, loss: Loss, expected: Arrays) -> Iterator[Check]:
        ours = {
            "summed": loss.summed,
            "n_valid": loss.weights,
            "per_example": loss.per_example,
            "mean": loss.mean,
        }
        for part, value in ours.items():
            if part in expected:
                yield _compare(f"{key}/{part}", value, expected[part], self.rules.loss)

    def _gradients(self) -> Iterator[Check]:
        batch = self._batch("target")

        def loss(params: list[Any]) -> tuple[Any, None]:
            outputs, _ = self.model.forward(params, self.state, batch, ForwardMode(True))
            return self.model.workload.loss(outputs, batch).mean, None

        params = [keras.ops.convert_to_tensor(value) for value in self.params]
        _, gradients = framework().value_and_grad(loss)(params)
        theirs = {self.rules.path(name): name for name in self.golden.below("param")}
        for name, gradient in zip(self.model.names, gradients, strict=True):
            expected = self.golden.required(f"grad/{theirs[name]}")
            yield _compare(
                f"grad/{theirs[name]}", gradient, expected, self.rules.gradient(expected)
            )

    def _batch(self, targets: str) -> dict[str, np.ndarray]:
        """Return inputs and targets as one batch; soft targets share the mask of the hard ones."""
        return {**self.inputs, **self.golden.below("target"), **self.golden.below(targets)}


def _build(
    golden: GoldenFile, rules: GoldenModel, name: str, variant: str | None
) -> FunctionalModel:
    config = golden.meta.get("config")
    if not isinstance(config, Mapping):
        raise InvalidFile(f"{golden.path}: 'meta' has no 'config'. Get the file again.")
    arguments = rules.model_arguments(config)
    try:
        return FunctionalModel(load_workload(name, "full", variant, model=arguments))
    except (InvalidFile, TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200].removesuffix(".")
        raise InvalidFile(f"{golden.path}: no model of this 'config': {reason}.") from None


def _compare(quantity: str, ours: Any, expected: np.ndarray, tolerance: float) -> Check:
    value = np.asarray(ours)
    if value.shape != expected.shape or not np.isfinite(expected).all():
        return Check(quantity, float("inf"), tolerance)
    difference = np.abs(value.astype(np.float64) - expected.astype(np.float64))
    return Check(quantity, float(difference.max(initial=0.0)), tolerance)
