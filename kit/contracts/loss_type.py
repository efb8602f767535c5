"""The forms of loss that workloads have."""

from __future__ import annotations

import enum


class LossType(enum.StrEnum):
    """The form of a workload's loss, which an algorithm may know (AlgoPerf `LossType`)."""

    SOFTMAX_CROSS_ENTROPY = "softmax_cross_entropy"
    SIGMOID_CROSS_ENTROPY = "sigmoid_cross_entropy"
    MEAN_SQUARED_ERROR = "mean_squared_error"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    CTC = "ctc"
