"""What training algorithms share: small pure pieces over pytrees of tensors, to be composed."""

from kit.algorithms.clipping import clip_by_global_norm, global_norm
from kit.algorithms.gradient import GradientAlgorithm
from kit.algorithms.keras_adapter import KerasOptimizerAlgorithm
from kit.algorithms.leaves import descend, map_leaves, zeros_like
from kit.algorithms.moments import debias, ema
from kit.algorithms.schedules import (
    Schedule,
    constant,
    half_cosine,
    joined,
    linear,
    warmup_cosine,
    warmup_linear,
)

__all__ = [
    "GradientAlgorithm",
    "KerasOptimizerAlgorithm",
    "Schedule",
    "clip_by_global_norm",
    "constant",
    "debias",
    "descend",
    "ema",
    "global_norm",
    "half_cosine",
    "joined",
    "linear",
    "map_leaves",
    "warmup_cosine",
    "warmup_linear",
    "zeros_like",
]
