"""Join a submission and a workload into a program. This runs submission code."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kit.backend import framework
from kit.backend.functional import FunctionalModel
from kit.contracts import TrainingAlgorithm
from kit.errors import InvalidSubmission
from kit.trainer.program import Program
from kit.trainer.view import View


def import_submission(folder: Path, extras: Path | None = None) -> type[TrainingAlgorithm]:
    """Import `submission.py` from `folder` and return its algorithm. This runs submission code.

    The folder of its extra packages comes last in `sys.path`, so it hides nothing, and as a plain
    entry, so that no `.pth` file in it is run.

    Raises:
        InvalidSubmission: there is not exactly one algorithm in it.
    """
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if extras is not None and str(extras) not in sys.path:
        sys.path.append(str(extras))
        importlib.invalidate_caches()  # a finder may have seen the folder while it was empty
    spec = importlib.util.spec_from_file_location("submission", folder / "submission.py")
    if spec is None or spec.loader is None:
        raise InvalidSubmission("The submission has no submission.py. Add one.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    classes = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, TrainingAlgorithm) and member.__module__ == "submission"
    ]
    if len(classes) != 1:
        names = ", ".join(sorted(member.__name__ for member in classes)) or "none"
        raise InvalidSubmission(
            f"submission.py must define exactly one TrainingAlgorithm. It defines: {names}."
        )
    return classes[0]


def assemble(
    model: FunctionalModel,
    submission: Path,
    initial: Sequence[np.ndarray],
    *,
    hyperparameters: Mapping[str, Any],
    step_hint: int,
    batch_size: int,
    seed: int,
    xla: bool | None = None,
    extras: Path | None = None,
) -> Program:
    """Import the submission in `submission`, construct its algorithm and compile it.

    Args:
        model: the workload's model.
        submission: folder of `submission.py`.
        initial: initial parameters, then model state, in the model's order.
        hyperparameters: the point of this trial.
        step_hint: of the ruleset.
        batch_size: of the submission for this workload.
        seed: of the algorithm.
        xla: overrides the workload's measured choice for this device (benchmarks).
        extras: folder of the submission's extra packages; it joins `sys.path` here, not earlier.
    """
    if xla is None:
        xla = model.workload.config.xla.get(framework().device_kind(), False)
    view = View(model, step_hint=step_hint, batch_size=batch_size)
    algorithm = import_submission(submission, extras)(view, hyperparameters)
    count = len(model.names)
    return Program(algorithm, list(initial[:count]), list(initial[count:]), seed=seed, xla=xla)
