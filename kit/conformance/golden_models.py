"""How golden model files map to our workloads, and how exact each must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GoldenModel:
    """What is peculiar to the golden files of one workload.

    Tolerances are absolute, from the reference's README; gradients are compared per leaf with
    `gradient_relative * max|leaf| + gradient_absolute`.
    """

    config_names: Mapping[str, str] = field(default_factory=dict)  # theirs -> build_model's
    parameter_names: Mapping[str, str] = field(default_factory=dict)  # theirs -> our paths
    ignored_config: tuple[str, ...] = ("class",)
    output: float = 1e-4
    training_output: float = 1e-4
    loss: float = 1e-4
    state: float = 1e-5
    gradient_relative: float = 1e-3
    gradient_absolute: float = 1e-5

    def model_arguments(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `build_model` for the file's small configuration."""
        return {
            self.config_names.get(name, name): value
            for name, value in config.items()
            if name not in self.ignored_config
        }

    def path(self, name: str) -> str:
        """Return our path of the parameter that the file calls `name`."""
        return self.parameter_names.get(name, name)

    def gradient(self, leaf: np.ndarray) -> float:
        """Return the tolerance of one gradient leaf."""
        return self.gradient_relative * float(np.abs(leaf).max()) + self.gradient_absolute


GOLDEN_MODELS: Mapping[str, GoldenModel] = {  # by workload; the others are as the defaults say
    # Their table is a parameter of the network itself; ours belongs to a layer of that name.
    "criteo1tb": GoldenModel(parameter_names={"embedding_table": "embedding_table/table"}),
    # Our network takes images of any size.
    "fastmri": GoldenModel(ignored_config=("class", "image_size")),
}


def golden_model(workload: str) -> GoldenModel:
    """Return what is peculiar to the golden files of `workload`."""
    return GOLDEN_MODELS.get(workload, GoldenModel())
