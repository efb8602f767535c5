"""ViT-S/16 on ImageNet; at the mini scale a small ViT on Fashion-MNIST."""

from __future__ import annotations

import numpy as np

from kit.contracts import ClassificationWorkload


class ImagenetVitWorkload(ClassificationWorkload):
    """Image classification with attention, strong augmentation and mixed labels."""

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return normal inputs and uniform targets; with mixup these are `(batch, classes)`."""
        draw = np.random.default_rng(seed)
        model = {"image_size": 224, "channels": 3, "num_classes": 1000, **self.config.model}
        size, channels = model["image_size"], model["channels"]
        targets = draw.integers(0, model["num_classes"], batch_size, np.int32)
        if self.config.data.get("mixup_alpha"):
            targets = np.eye(model["num_classes"], dtype=np.float32)[targets]
        return {
            "inputs": draw.standard_normal((batch_size, size, size, channels), np.float32),
            "targets": targets,
        }
