"""The contracts between the kit, the workloads and the submissions.

A name is imported when it is used: what needs no framework (`Target`, `TrialId`, the enumerations)
comes without one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.contracts.algorithm import (
        BatchQueue,
        EvaluationResult,
        Feedback,
        Stage,
        TrainingAlgorithm,
        Update,
    )
    from kit.contracts.classification import BinaryClassificationWorkload, ClassificationWorkload
    from kit.contracts.forward import ForwardMode, current_mode, fold_in, forward_mode, seed_from
    from kit.contracts.layers import (
        BatchNormalization,
        Dropout,
        InstanceNormalization,
        LayerNormalization,
    )
    from kit.contracts.loss import (
        Loss,
        masked,
        mean_absolute_error,
        multitask_sigmoid_cross_entropy,
        sigmoid_cross_entropy,
        softmax_cross_entropy,
    )
    from kit.contracts.loss_type import LossType
    from kit.contracts.metric import Metric
    from kit.contracts.parameters import Parameter, ParameterKind
    from kit.contracts.split import EVALUATION_SPLITS, Split
    from kit.contracts.target import Target
    from kit.contracts.trial_id import TrialId
    from kit.contracts.view import LossAndGradients, WorkloadView
    from kit.contracts.workload import Reading, Workload, WorkloadConfig

_LIGHT_FIRST = (
    *("algorithm", "loss_type", "metric", "parameters", "split", "target", "trial_id", "view"),
    *("classification", "forward", "layers", "loss", "workload"),
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in _LIGHT_FIRST:
            namespace = vars(importlib.import_module(f"{__name__}.{module}"))
            if name in namespace:
                return namespace[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EVALUATION_SPLITS",
    "BatchNormalization",
    "BatchQueue",
    "BinaryClassificationWorkload",
    "ClassificationWorkload",
    "Dropout",
    "EvaluationResult",
    "Feedback",
    "ForwardMode",
    "InstanceNormalization",
    "LayerNormalization",
    "Loss",
    "LossAndGradients",
    "LossType",
    "Metric",
    "Parameter",
    "ParameterKind",
    "Reading",
    "Split",
    "Stage",
    "Target",
    "TrainingAlgorithm",
    "TrialId",
    "Update",
    "Workload",
    "WorkloadConfig",
    "WorkloadView",
    "current_mode",
    "fold_in",
    "forward_mode",
    "masked",
    "mean_absolute_error",
    "multitask_sigmoid_cross_entropy",
    "seed_from",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]
