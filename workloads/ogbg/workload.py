"""A graph network on molecules of ogbg-molpcba; at the mini scale a small one on MoleculeACE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from keras import ops

from kit.contracts import (
    Loss,
    LossType,
    Metric,
    Reading,
    Workload,
    multitask_sigmoid_cross_entropy,
)
from kit.contracts.workload import Batch
from workloads.ogbg import packing
from workloads.ogbg.metrics import mean_average_precision
from workloads.ogbg.model import INPUTS
from workloads.ogbg.synthetic import random_batch

Tensor = Any


class OgbgWorkload(Workload):
    """Many properties of molecules, of which few are known: sigmoid cross-entropy of those.

    Published as softmax cross-entropy, which it is not.
    """

    loss_type: ClassVar[LossType] = LossType.SIGMOID_CROSS_ENTROPY
    metric: ClassVar[Metric] = Metric("mean_average_precision", higher_is_better=True)

    def data_reader(self) -> Callable[..., packing.Limits]:
        """Return what the data's arguments are for: the limits, of any batch."""
        return packing.Limits.of

    def limits(self, batch_size: int) -> packing.Limits:
        """Return what a batch has room for."""
        return packing.Limits.of(batch_size, **self.config.data)

    def read(self, reading: Reading) -> Any:
        """Return the batches of a split."""
        from workloads.ogbg.data import dataset

        return dataset(self.config, reading, self.limits(reading.batch_size))

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return random graphs of about the average size; one label in three is known."""
        model = {"num_outputs": 128, "node_features": 9, "edge_features": 3, **self.config.model}
        return dict(
            random_batch(
                self.limits(batch_size),
                node_features=model["node_features"],
                edge_features=model["edge_features"],
                tasks=model["num_outputs"],
                seed=seed,
            )
        )

    def cut(self, parts: Sequence[Batch], batch_size: int) -> tuple[Batch, Batch | None] | None:
        """Unpack the graphs and pack the first of them as a batch of `batch_size`."""
        return packing.cut(parts, self.limits(batch_size))

    def single_examples(self, batch: Batch) -> Batch:
        """Return weights that leave one graph's labels: `(graphs, graphs, tasks)`.

        So each graph's loss comes from a pass over the whole batch.
        """
        weights = ops.convert_to_tensor(batch["weights"])
        return {"weights": ops.eye(weights.shape[0])[:, :, None] * weights[None]}

    def outputs(self, model_call: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
        """Return logits `(graphs, tasks)`, meaningless ones for padding."""
        return model_call({name: batch[name] for name in INPUTS})

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the cross-entropy of each graph and task, 0 where there is no label."""
        return multitask_sigmoid_cross_entropy(
            outputs, batch["targets"], mask=batch.get("weights"), label_smoothing=label_smoothing
        )

    def evaluate_batch(
        self, model_call: Callable[[Tensor], Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """Return logits, targets, weights and losses of each graph and task."""
        logits = self.outputs(model_call, batch)
        return {
            "logits": logits,
            "targets": batch["targets"],
            "weights": batch["weights"],
            "loss": self.loss(logits, batch).per_example,
        }

    def summarize(self, batches: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
        """Return the mean loss over labels and the mean average precision over tasks."""
        logits, targets, weights, loss = (
            np.concatenate([batch[name] for batch in batches])
            for name in ("logits", "targets", "weights", "loss")
        )
        return {
            "loss": float(loss.sum(dtype=np.float64) / weights.sum(dtype=np.float64)),
            "mean_average_precision": mean_average_precision(logits, targets, weights),
        }
