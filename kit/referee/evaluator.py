"""The referee's own copy of the workload: initial parameters and untimed evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from kit.backend import framework
from kit.backend.functional import build_initial
from kit.contracts import EVALUATION_SPLITS, Split, Workload
from kit.exchange.weights import Arrays, WeightsLayout

_PREFIXES = {Split.EVAL_TRAIN: "train", Split.VALIDATION: "validation", Split.TEST: "test"}


class Interrupted(Exception):
    """A signal asked the referee to end the trial."""


class Evaluator:
    """Builds a workload from a seed and evaluates parameters that come from elsewhere.

    No submitted code runs here: the model, the data and the metrics are the workload's.
    """

    def __init__(self, workload: Workload, seed: int) -> None:
        self.workload = workload
        self._model = build_initial(workload, seed)
        self.layout = WeightsLayout(self._model.tensor_specs())
        params, model_state = self._model.initial_values()
        self.initial = [*params, *model_state]
        self._count = len(params)
        self._datasets: dict[Split, Any] = {}
        xla = workload.config.xla.get(framework().device_kind(), False)
        self._evaluate_batch = framework().compile(self._model.evaluate_batch, xla=xla)

    def prepare(self, between_batches: Callable[[], None] = lambda: None) -> dict[str, float]:
        """Open the data and compile; return the metrics of the initial parameters.

        So the first evaluation of a trial takes no longer than others.
        """
        names = (spec.name for spec in self.layout.specs)
        return self.evaluate(dict(zip(names, self.initial, strict=True)), between_batches)

    def evaluate(
        self, arrays: Arrays, between_batches: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Return "train/loss", "validation/accuracy", "test/…", … of the given tensors.

        `between_batches` is called there, and may raise to end the evaluation.
        """
        tensors = self._tensors([arrays[spec.name] for spec in self.layout.specs])
        metrics: dict[str, float] = {}
        for split in EVALUATION_SPLITS:
            results = []
            for batch in self._dataset(split):
                between_batches()
                results.append(self._run(tensors, batch))
            summary = self.workload.summarize(results)
            metrics.update({f"{_PREFIXES[split]}/{name}": v for name, v in summary.items()})
        return metrics

    def distance_from_initial(self, arrays: Arrays) -> tuple[float, bool]:
        """Return the Euclidean distance of the parameters from the initial ones; all finite?"""
        total, finite = 0.0, True
        for spec, initial in zip(self.layout.specs, self.initial, strict=True):
            value = arrays[spec.name]
            finite = finite and bool(np.isfinite(value).all())
            if spec.name.startswith("param/"):
                difference = value.astype(np.float64) - initial
                total += float(np.vdot(difference, difference))
        return float(np.sqrt(total)), finite

    def digest(self, arrays: Arrays) -> str:
        """Return the sha256 of all tensors' bytes, in the model's order."""
        digest = hashlib.sha256()
        for spec in self.layout.specs:
            digest.update(np.ascontiguousarray(arrays[spec.name]).data)
        return digest.hexdigest()

    def _dataset(self, split: Split) -> Any:
        """Return the batches of a split; the pipeline is built once and read at each evaluation."""
        if split not in self._datasets:
            size = self.workload.config.evaluation_batch_size
            self._datasets[split] = self.workload.dataset(split, size)
        return self._datasets[split]

    def _tensors(self, arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        return tensors[: self._count], tensors[self._count :]

    def _run(
        self, tensors: tuple[list[Any], list[Any]], batch: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        result = self._evaluate_batch(*tensors, dict(batch))
        return {name: ops.convert_to_numpy(value) for name, value in result.items()}
