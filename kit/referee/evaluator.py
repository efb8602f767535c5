"""The referee's own copy of the workload: initial parameters and untimed evaluation."""

from __future__ import annotations

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
        xla = workload.config.xla.get(framework().device_kind(), False)
        self._evaluate_batch = framework().compile(self._model.evaluate_batch, xla=xla)

    def prepare(self) -> None:
        """Compile the evaluation, so that the first one takes no longer than the others."""
        size = self.workload.config.evaluation_batch_size
        dataset = self.workload.dataset(Split.VALIDATION, size)
        batch = next(iter(dataset))
        self._run(self._tensors(self.initial), batch)

    def evaluate(
        self, arrays: Arrays, interrupted: Callable[[], bool] = lambda: False
    ) -> dict[str, float]:
        """Return "train/loss", "validation/accuracy", "test/…", … of the given tensors.

        Raises:
            Interrupted: `interrupted()` became true between two batches.
        """
        tensors = self._tensors([arrays[spec.name] for spec in self.layout.specs])
        size = self.workload.config.evaluation_batch_size
        metrics: dict[str, float] = {}
        for split in EVALUATION_SPLITS:
            results = []
            for batch in self.workload.dataset(split, size):
                if interrupted():
                    raise Interrupted
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

    def _tensors(self, arrays: list[np.ndarray]) -> tuple[list[Any], list[Any]]:
        tensors = [ops.convert_to_tensor(array) for array in arrays]
        return tensors[: self._count], tensors[self._count :]

    def _run(
        self, tensors: tuple[list[Any], list[Any]], batch: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        result = self._evaluate_batch(*tensors, dict(batch))
        return {name: ops.convert_to_numpy(value) for name, value in result.items()}
