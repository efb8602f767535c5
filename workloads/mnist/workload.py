"""MNIST: a development workload, never scored."""

from __future__ import annotations

import numpy as np

from kit.contracts import ClassificationWorkload


class MnistWorkload(ClassificationWorkload):
    """Ten digits and a small perceptron."""

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return normal inputs and uniform targets."""
        draw = np.random.default_rng(seed)
        size = self.config.model.get("image_size", 28)
        return {
            "inputs": draw.standard_normal((batch_size, size, size, 1), np.float32),
            "targets": draw.integers(0, 10, batch_size, np.int32),
        }
