"""Mean average precision over tasks of which an example has few labels.

Source: AlgoPerf `ogbg`; checked against its values.
"""

from __future__ import annotations

import numpy as np


def mean_average_precision(logits: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean over tasks of the average precision on labelled examples.

    All are `(examples, tasks)`; `mask` is 1 where there is a label, `targets` are 0 elsewhere. A
    task counts if its targets have both values: unlabelled ones count as 0 there, as published.
    NaN if no task counts, or if a logit with a label is not finite.
    """
    labelled = mask > 0
    if not np.isfinite(logits[labelled]).all():
        return float("nan")
    counting = (targets == 1.0).any(axis=0) & (targets == 0.0).any(axis=0)
    precisions = [
        _average_precision(logits[rows, task], targets[rows, task])
        for task, rows in enumerate(labelled.T)
        if counting[task]
    ]
    return float(np.mean(precisions)) if precisions else float("nan")


def _average_precision(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return 0 without a positive example, as published."""
    from sklearn.metrics import average_precision_score  # takes a second to import

    if not targets.any():
        return 0.0
    # In float64: in float32 large logits have equal sigmoids, in other orders of equals.
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -700.0, 700.0)))
    return float(average_precision_score(targets, scores))
