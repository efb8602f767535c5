"""Data sets: where their bytes come from, how they are prepared, checked and read."""

from kit.data.preparation import Preparation, prepare
from kit.data.prepared import (
    DataStatus,
    evaluation_folder,
    is_prepared,
    load_arrays,
    split_folder,
    status,
    train_folder,
    verify,
)

__all__ = [
    "DataStatus",
    "Preparation",
    "evaluation_folder",
    "is_prepared",
    "load_arrays",
    "prepare",
    "split_folder",
    "status",
    "train_folder",
    "verify",
]
