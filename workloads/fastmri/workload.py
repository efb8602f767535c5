"""U-Net on the knees of fastMRI; at the mini scale a small one on slices of a brain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from keras import ops

from kit.contracts import Loss, LossType, Metric, Workload, mean_absolute_error
from workloads.fastmri.metrics import structural_similarity

Tensor = Any
Batch = dict[str, Tensor]


class FastmriWorkload(Workload):
    """What would the image have been, had all of its frequencies been measured."""

    loss_type: ClassVar[LossType] = LossType.MEAN_ABSOLUTE_ERROR
    metric: ClassVar[Metric] = Metric("ssim", higher_is_better=True)

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return normal images, whose mean, standard deviation and maximum are made up."""
        draw = np.random.default_rng(seed)
        size = self.config.data["image_size"]
        images = draw.standard_normal((2, batch_size, size, size), np.float32)
        return {
            "inputs": images[0],
            "targets": images[1],
            "mean": np.full(batch_size, 1.0, np.float32),
            "std": np.full(batch_size, 0.5, np.float32),
            "volume_max": np.full(batch_size, 3.0, np.float32),
        }

    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the mean absolute error per image; label smoothing is ignored, as published."""
        return mean_absolute_error(outputs, batch["targets"], mask=batch.get("weights"))

    def evaluate_batch(
        self, model_call: Callable[[Tensor], Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """Return the loss and the structural similarity of each image; the mean counts weights."""
        outputs = self.outputs(model_call, batch)
        std, mean = batch["std"][:, None, None], batch["mean"][:, None, None]
        largest = batch["volume_max"]
        return {
            "loss": mean_absolute_error(outputs, batch["targets"]).per_example,
            "ssim": structural_similarity(
                outputs * std + mean,
                batch["targets"] * std + mean,
                ops.where(largest == 0, ops.ones_like(largest), largest),
            ),
            "weights": batch["weights"],
        }
