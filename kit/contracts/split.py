"""The parts of a data set."""

from __future__ import annotations

import enum


class Split(enum.StrEnum):
    """The parts of a data set. Only `train` ever reaches the trainer."""

    TRAIN = "train"
    EVAL_TRAIN = "eval_train"  # a fixed subset of train, evaluated like the others
    VALIDATION = "validation"
    TEST = "test"


EVALUATION_SPLITS = (Split.EVAL_TRAIN, Split.VALIDATION, Split.TEST)
