"""Which submission reproduces which golden trajectory, and how names translate.

One line for each algorithm. A file belongs to the longest name here that begins its own name, so
`nadamw_gradclip.npz` is a trajectory of `nadamw` unless it has a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class GoldenAlgorithm:
    """How one algorithm's golden files are to be read.

    Attributes:
        submission: the folder in `submissions/`.
        renamed: hyperparameters of the file that have another name in the submission; several
            names for a list.
        fixed: hyperparameters of the file that are constants of the submission.
        param_is_evaluated: `param.*` are the parameters to evaluate, not those that are trained.
    """

    submission: str
    renamed: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    param_is_evaluated: bool = False


GOLDEN_ALGORITHMS: Mapping[str, GoldenAlgorithm] = {
    "adamw": GoldenAlgorithm("adamw"),
    "momentum": GoldenAlgorithm("heavy_ball"),
    "nadamw": GoldenAlgorithm("nadamw"),
    "nesterov": GoldenAlgorithm("nesterov"),
}

# What all files share.
RENAMED: Mapping[str, str | tuple[str, ...]] = {"eps": "epsilon"}
FIXED = {"grad_clip_eps": 1e-6}
OF_THE_WORKLOAD = ("step_hint",)


def match(names: Iterable[str]) -> GoldenAlgorithm | None:
    """Return the entry for the first of `names` that has one; a file name or the name inside."""
    for name in names:
        # A name ends where the letters end: adamg is no adamw, adamw2 is one.
        known = [key for key in GOLDEN_ALGORITHMS if re.match(rf"{key}(?![a-z])", name)]
        if known:
            return GOLDEN_ALGORITHMS[max(known, key=len)]
    return None
