"""The contracts between the kit, the workloads and the submissions."""

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
    LossType,
    masked,
    mean_absolute_error,
    multitask_sigmoid_cross_entropy,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)
from kit.contracts.metric import Metric
from kit.contracts.parameters import Parameter, ParameterKind
from kit.contracts.view import LossAndGradients, WorkloadView
from kit.contracts.workload import EVALUATION_SPLITS, Reading, Split, Workload, WorkloadConfig

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
    "TrainingAlgorithm",
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
