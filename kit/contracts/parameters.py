"""What an algorithm may know of a parameter: its shape, its dtype and its kind."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ParameterKind(enum.StrEnum):
    """The published parameter types (AlgoPerf `ParameterType`), by the role a parameter plays."""

    WEIGHT = "weight"
    BIAS = "bias"
    CONV_WEIGHT = "conv_weight"
    BATCH_NORM_SCALE = "batch_norm_scale"
    BATCH_NORM_BIAS = "batch_norm_bias"
    LAYER_NORM_SCALE = "layer_norm_scale"
    LAYER_NORM_BIAS = "layer_norm_bias"
    EMBEDDING = "embedding"
    ATTENTION_Q = "attention_q"
    ATTENTION_K = "attention_k"
    ATTENTION_V = "attention_v"
    ATTENTION_OUT = "attention_out"
    ATTENTION_QKV = "attention_qkv"
    ATTENTION_KV = "attention_kv"
    ATTENTION_BIAS = "attention_bias"


@dataclass(frozen=True)
class Parameter:
    """One parameter tensor as a training algorithm sees it. It has no name, on purpose."""

    shape: tuple[int, ...]
    kind: ParameterKind
    dtype: str = "float32"
