"""DLRM-small on the click logs of Criteo; at the mini scale a small one on late flights."""

from __future__ import annotations

import numpy as np

from kit.contracts import BinaryClassificationWorkload


class Criteo1tbWorkload(BinaryClassificationWorkload):
    """Will it be clicked: numbers and categories, most of them rare."""

    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return logarithms of exponential numbers, uniform ids, and one target in four 1."""
        draw = np.random.default_rng(seed)
        model = {"dense_features": 13, "categories": 26, "vocab_size": 2**22, **self.config.model}
        numbers = np.log1p(draw.exponential(100.0, (batch_size, model["dense_features"])))
        ids = draw.integers(0, model["vocab_size"], (batch_size, model["categories"]))
        return {
            "inputs": np.concatenate([numbers, ids], axis=1).astype(np.float32),
            "targets": (draw.random(batch_size) < 0.25).astype(np.float32),
        }
