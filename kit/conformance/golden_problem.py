"""A golden trajectory and its fixed problem (format: `tests/golden/optimizers/README.md`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kit.conformance.npz import Arrays, read_npz
from kit.contracts import LossAndGradients, LossType, Parameter, ParameterKind
from kit.errors import InvalidFile

Tensor = Any

PROBLEM_FILE = "problem.npz"
_KIND_BY_NAME = (  # the first that occurs in the leaf's tree name
    ("scale", ParameterKind.LAYER_NORM_SCALE),
    ("bias", ParameterKind.BIAS),
    ("embedding", ParameterKind.EMBEDDING),
    ("conv", ParameterKind.CONV_WEIGHT),
    ("", ParameterKind.WEIGHT),
)


@dataclass(frozen=True)
class GoldenTrajectory:
    """The content of `<name>.npz`, with start values and gradients from the problem beside it."""

    path: Path
    meta: Mapping[str, Any]
    arrays: Arrays  # "param.w1" of shape (updates, *leaf), "eval.w1", …
    problem: Arrays  # "init.w1" of shape leaf, "grad.w1" of shape (updates, *leaf)

    @property
    def leaves(self) -> list[str]:
        """The names of the parameters, in order."""
        return [name.removeprefix("init.") for name in self.problem if name.startswith("init.")]

    @property
    def updates(self) -> int:
        """How many updates the trajectory has."""
        return max((len(v) for k, v in self.arrays.items() if k.startswith("param.")), default=1)

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The hyperparameters by the names of the file."""
        values: Mapping[str, Any] = self.meta["hyperparameters"]
        return values

    @property
    def tolerance(self) -> float:
        """The largest difference that float32 explains, with a margin."""
        return max(1e-5, 10.0 * float(self.meta.get("max_abs_difference_of_float32_run") or 0.0))

    def initial(self) -> list[np.ndarray[Any, Any]]:
        """Return the start values."""
        return [self.problem[f"init.{leaf}"].astype(np.float32) for leaf in self.leaves]

    def batch(self, update: int) -> dict[str, np.ndarray[Any, Any]]:
        """Return the "batch" of one update: the gradients that the stub workload gives for it."""
        return {
            leaf: self.problem[f"grad.{leaf}"][update].astype(np.float32) for leaf in self.leaves
        }


class GoldenView:
    """The `WorkloadView` of the fixed problem: gradients are read from the batch, or of a quartic.

    Everything else of a view is absent: an algorithm that needs it cannot be checked like this.
    """

    def __init__(self, golden: GoldenTrajectory) -> None:
        names = golden.meta.get("tree_names") or {}
        self._golden = golden
        self.parameters = [
            Parameter(value.shape, _kind(names.get(leaf, leaf)))
            for leaf, value in zip(golden.leaves, golden.initial(), strict=True)
        ]
        self.loss_type = LossType.SOFTMAX_CROSS_ENTROPY
        self.step_hint = int(golden.hyperparameters.get("step_hint") or golden.updates)
        self.batch_size = 1

    def loss_and_gradients(
        self,
        params: list[Tensor],
        model_state: list[Tensor],
        batch: Mapping[str, Tensor],
        rng: Tensor,
        **options: Any,
    ) -> LossAndGradients:
        """Return the gradients of the update that `batch` belongs to; the loss is not known."""
        if any(name.startswith("loss_a.") for name in self._golden.arrays):
            gradients = [
                self._quartic(leaf, p) for leaf, p in zip(self._golden.leaves, params, strict=True)
            ]
        else:
            gradients = [batch[leaf] for leaf in self._golden.leaves]
        return LossAndGradients(0.0 * params[0], gradients, model_state)

    def _quartic(self, leaf: str, p: Tensor) -> Tensor:
        """Gradient of a/2 (p - c)^2 + q/4 (p - c)^4, the loss of files that need one (sam)."""
        a, q, c = (self._golden.arrays[f"loss_{x}.{leaf}"].astype(np.float32) for x in "aqc")
        return a * (p - c) + q * (p - c) ** 3


def read_golden(path: Path) -> GoldenTrajectory:
    """Read a golden trajectory and `problem.npz` beside it.

    Raises:
        InvalidFile: a file is missing, unreadable, or does not have the documented arrays.
    """
    arrays = read_npz(path)
    beside = path.parent / PROBLEM_FILE
    if not beside.exists():
        raise InvalidFile(
            f"{path}: the fixed gradients are missing: no {PROBLEM_FILE} beside it. Copy it there."
        )
    golden = GoldenTrajectory(path, _meta(path, arrays), arrays, read_npz(beside))
    _check_shapes(golden)
    return golden


def _meta(path: Path, arrays: Arrays) -> Mapping[str, Any]:
    try:
        meta: dict[str, Any] = json.loads(str(arrays["meta"]))
        usable = isinstance(meta["hyperparameters"], dict)
    except (KeyError, TypeError, json.JSONDecodeError):
        usable = False
    if not usable:
        raise InvalidFile(
            f"{path}: not a golden trajectory: it needs `meta`, a JSON text with "
            f"`hyperparameters`. It holds: {', '.join(sorted(arrays)[:8]) or 'nothing'}."
        )
    return meta


def _check_shapes(golden: GoldenTrajectory) -> None:
    beside = golden.path.parent / PROBLEM_FILE
    if not golden.leaves:
        raise InvalidFile(f"{beside}: no arrays `init.<leaf>`. Copy it again.")
    for leaf in golden.leaves:
        shape = golden.problem[f"init.{leaf}"].shape
        for name, file, arrays in (
            (f"param.{leaf}", golden.path, golden.arrays),
            (f"grad.{leaf}", beside, golden.problem),
        ):
            received: tuple[int, ...] = arrays[name].shape if name in arrays else ()
            if not received or received[1:] != shape or received[0] < golden.updates:
                wanted = ", ".join([f"{golden.updates} updates", *map(str, shape)])
                raise InvalidFile(
                    f"{file}: {name} must have the shape ({wanted}), to match init.{leaf} of "
                    f"{PROBLEM_FILE}. Received: {received or 'no such array'}."
                )


def _kind(tree_name: str) -> ParameterKind:
    return next(kind for part, kind in _KIND_BY_NAME if part in tree_name)
