"""What workloads that put an example into one of two or of several classes have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from kit.contracts.loss import Loss, sigmoid_cross_entropy, softmax_cross_entropy
from kit.contracts.loss_type import LossType
from kit.contracts.metric import Metric
from kit.contracts.workload import Batch, Workload

Tensor = Any


class ClassificationWorkload(Workload):
    """Softmax cross-entropy over `targets` `(batch,)`, or soft labels; the metric is accuracy."""

    loss_type: ClassVar[LossType] = LossType.SOFTMAX_CROSS_ENTROPY
    metric: ClassVar[Metric] = Metric("accuracy", higher_is_better=True)

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the cross-entropy per example."""
        return softmax_cross_entropy(
            outputs, batch["targets"], mask=batch.get("weights"), label_smoothing=label_smoothing
        )

    def evaluate_batch(
        self, model_call: Callable[[Tensor], Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """Return loss and accuracy of each example; the mean counts weights."""
        logits = self.outputs(model_call, batch)
        correct = ops.equal(ops.argmax(logits, axis=-1), ops.cast(batch["targets"], "int32"))
        return {
            "loss": self.loss(logits, {"targets": batch["targets"]}).per_example,
            "accuracy": ops.cast(correct, "float32"),
            "weights": batch["weights"],
        }


class BinaryClassificationWorkload(Workload):
    """Sigmoid cross-entropy of one logit per example over `targets` `(batch,)`; the metric too."""

    loss_type: ClassVar[LossType] = LossType.SIGMOID_CROSS_ENTROPY
    metric: ClassVar[Metric] = Metric("loss", higher_is_better=False)

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the cross-entropy per example; label smoothing is ignored, as published."""
        return sigmoid_cross_entropy(outputs, batch["targets"], mask=batch.get("weights"))

    def evaluate_batch(
        self, model_call: Callable[[Tensor], Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """Return the loss of each example; the mean counts weights."""
        logits = self.outputs(model_call, batch)
        return {
            "loss": self.loss(logits, {"targets": batch["targets"]}).per_example,
            "weights": batch["weights"],
        }
