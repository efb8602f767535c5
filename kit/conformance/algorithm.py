"""Does a submission reproduce a golden trajectory?

The submission's real class runs through the kit's real compiled program on a stub workload whose
gradients are the file's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kit import paths
from kit.conformance.golden_algorithms import (
    FIXED,
    GOLDEN_ALGORITHMS,
    OF_THE_WORKLOAD,
    RENAMED,
    GoldenAlgorithm,
    match,
)
from kit.conformance.golden_problem import GoldenTrajectory, GoldenView, read_golden
from kit.conformance.report import Check, ConformanceReport
from kit.contracts import TrainingAlgorithm
from kit.errors import InvalidFile, UnknownName
from kit.registry import submission_names
from kit.rules.hyperparameters import Declared, completed
from kit.rules.submission import load_submission
from kit.trainer.assembly import import_submission
from kit.trainer.program import Program

Tensor = Any
Leaf = np.ndarray[Any, Any]
Leaves = list[Leaf]


def check_algorithm(path: Path, submission: str | None = None) -> ConformanceReport:
    """Compare a submission with the golden trajectory in `path`, after every update.

    `submission` is found by the name of the file if it is not given.

    Raises:
        InvalidFile: the file or `problem.npz` beside it is unusable, or no submission is known.
        UnknownName: there is no such submission.
    """
    golden = read_golden(path)
    entry = match((str(golden.meta.get("name", "")), path.stem))
    if submission is not None:
        entry = replace(entry or GoldenAlgorithm(submission), submission=submission)
    elif entry is None:
        raise InvalidFile(
            f"{path}: no submission is known for {golden.meta.get('name', path.stem)!r}. Known: "
            f"{', '.join(sorted(GOLDEN_ALGORITHMS))}. Name one with --submission."
        )
    if entry.submission not in submission_names():
        raise UnknownName("submission", entry.submission, submission_names(), "--submission")
    folder = paths.SUBMISSIONS / entry.submission
    given = hyperparameters(golden, entry, load_submission(folder).declared)
    checks = compare(golden, import_submission(folder), entry, given)
    return ConformanceReport(str(path), entry.submission, checks)


def compare(
    golden: GoldenTrajectory,
    algorithm: type[TrainingAlgorithm],
    entry: GoldenAlgorithm,
    given: Mapping[str, Any],
    *,
    xla: bool = False,
) -> tuple[Check, ...]:
    """Run `algorithm` with the hyperparameters `given`; return the largest error of each leaf."""
    errors: dict[str, float] = {}
    for count, (trained, evaluated) in enumerate(_run(golden, algorithm, given, xla), start=1):
        if entry.param_is_evaluated:
            trained = evaluated
        for name, value, expected in _pairs(golden, count, trained, evaluated):
            error = float(np.max(np.abs(value - expected), initial=0.0))
            # np.maximum keeps NaN, which no tolerance forgives.
            errors[name] = float(np.maximum(errors.get(name, 0.0), error))
    return tuple(Check(name, error, golden.tolerance) for name, error in sorted(errors.items()))


def _pairs(
    golden: GoldenTrajectory, count: int, trained: Leaves, evaluated: Leaves
) -> Iterator[tuple[str, Leaf, Leaf]]:
    """Yield name, value and expected value of everything the file holds after `count` updates."""
    for leaf, value in zip(golden.leaves, trained, strict=True):
        yield f"param.{leaf}", value, golden.arrays[f"param.{leaf}"][count - 1]
    evaluations = golden.arrays.get("eval_after_update", np.arange(1, golden.updates + 1)).tolist()
    if count not in evaluations:
        return
    for leaf, value in zip(golden.leaves, evaluated, strict=True):
        if f"eval.{leaf}" in golden.arrays:
            yield f"eval.{leaf}", value, golden.arrays[f"eval.{leaf}"][evaluations.index(count)]


def _run(
    golden: GoldenTrajectory,
    algorithm: type[TrainingAlgorithm],
    given: Mapping[str, Any],
    xla: bool,
) -> Iterator[tuple[Leaves, Leaves]]:
    """Yield the trained parameters and those to evaluate after each update."""

    def eval_params(
        self: TrainingAlgorithm, params: list[Tensor], state: Any, model_state: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        chosen, _ = algorithm.eval_params(self, params, state, model_state)
        return params, chosen

    # The program hands over two lists of tensors: here the second is not the model state.
    observed = type(algorithm.__name__, (algorithm,), {"eval_params": eval_params})
    program = Program(observed(GoldenView(golden), given), golden.initial(), [], seed=0, xla=xla)
    for update in range(golden.updates):
        program.step(golden.batch(update), update)
        weights = program.evaluation_weights()
        yield weights[: len(golden.leaves)], weights[len(golden.leaves) :]


def hyperparameters(
    golden: GoldenTrajectory, entry: GoldenAlgorithm, declared: Declared
) -> dict[str, Any]:
    """Return the file's hyperparameters by the submission's names; null means not given.

    Raises:
        InvalidFile: the file lacks one that the submission needs, or needs another value where the
            submission has a constant.
    """
    fixed = {**FIXED, **entry.fixed}
    renamed = {**RENAMED, **entry.renamed}
    values = {}
    for name, value in golden.hyperparameters.items():
        if value is None or name in OF_THE_WORKLOAD:
            continue
        if name in fixed:
            if value != fixed[name]:
                raise InvalidFile(
                    f"{golden.path}: {name} is a constant of {entry.submission}: {fixed[name]}. "
                    f"Received: {name}={value}."
                )
            continue
        names = renamed.get(name, name)
        if isinstance(names, str):
            values[names] = value
        else:
            values.update(zip(names, value, strict=True))
    given = completed(declared, values)
    for name in declared:
        if name not in given:
            raise InvalidFile(
                f"{golden.path}: {entry.submission} needs the hyperparameter {name!r}; "
                f"the file gives only: {', '.join(sorted(values))}. Name another with --submission."
            )
    return given
