"""ResNet-50 on ImageNet; at the mini scale a narrow ResNet on Fashion-MNIST."""

from __future__ import annotations

import numpy as np

from kit.contracts import ClassificationWorkload


class ImagenetResnetWorkload(ClassificationWorkload):
    """Image classification with batch normalisation and augmentation."""

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return normal inputs and uniform targets."""
        draw = np.random.default_rng(seed)
        model = {"image_size": 224, "channels": 3, "num_classes": 1000, **self.config.model}
        size, channels = model["image_size"], model["channels"]
        return {
            "inputs": draw.standard_normal((batch_size, size, size, channels), np.float32),
            "targets": draw.integers(0, model["num_classes"], batch_size, np.int32),
        }
