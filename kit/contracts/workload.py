"""The contract of a workload: model, data, loss and metric at a scale; no target and no budget."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from keras import ops

from kit.contracts.loss import Loss
from kit.contracts.loss_type import LossType
from kit.contracts.metric import Metric
from kit.contracts.parameters import ParameterKind
from kit.contracts.split import Split

Tensor = Any
Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Reading:
    """Which batches are to be read, and from where on."""

    split: Split
    batch_size: int
    seed: int = 0
    start_step: int = 0  # batches of training that have gone before

    @property
    def is_training(self) -> bool:
        """Tell whether this is the endless, shuffled stream."""
        return self.split == Split.TRAIN


@dataclass(frozen=True)
class WorkloadConfig:
    """What `workload.yaml` says for one scale and variant, after the variant's overrides."""

    name: str
    scale: str
    variant: str | None = None
    model: Mapping[str, Any] = field(default_factory=dict)  # keyword arguments of build_model
    data: Mapping[str, Any] = field(default_factory=dict)  # keyword arguments of the data reader
    evaluation_batch_size: int = 256
    xla: Mapping[str, bool] = field(default_factory=dict)  # by device, "cpu" or "gpu"; measured
    parameter_kinds: Mapping[str, ParameterKind] = field(default_factory=dict)  # regex -> kind


class Workload(abc.ABC):
    """One workload at one scale. Subclasses join a model, a data reader, a loss and a metric.

    Batches are dicts of tensors with `inputs`, `targets` and, where a split does not divide evenly,
    `weights` `(batch,)`: 1 for examples, 0 for padding. Where the arrays of a batch do not all have
    the example as their first axis, `cut` and `single_examples` say how it is taken apart.
    """

    loss_type: ClassVar[LossType]
    metric: ClassVar[Metric]

    def __init__(self, config: WorkloadConfig) -> None:
        self.config = config

    def model_builder(self) -> Callable[..., Any]:
        """Return the function that `model` in `workload.yaml` has keyword arguments for.

        The default is `build_model` of the `model.py` next to the workload.
        """
        return self._module("model").build_model  # type: ignore[no-any-return]

    def data_reader(self) -> Callable[..., Any]:
        """Return the function that `data` in `workload.yaml` has keyword arguments for.

        The default is the scale's one of `READERS` in the `data.py` next to the workload.
        """
        return self._module("data").READERS[self.config.scale]  # type: ignore[no-any-return]

    def build_model(self) -> Any:
        """Build a fresh `keras.Model`; initial values come from Keras' global seed."""
        return self.model_builder()(**self.config.model)

    def dataset(self, split: Split, batch_size: int, seed: int = 0, *, start_step: int = 0) -> Any:
        """Return an iterable of dict batches.

        `train` repeats for ever in an order given by `seed`, without a remainder; with a later
        `start_step` it goes on where so many batches have gone before. Evaluation splits come once,
        in a fixed order, the last batch padded to `batch_size` with weights 0.

        Raises:
            DataError: the prepared data is missing or altered.
        """
        return self.read(Reading(split, batch_size, seed, start_step))

    def read(self, reading: Reading) -> Any:
        """Do as `dataset` says. The default calls the data reader."""
        return self.data_reader()(self.config, reading, **self.config.data)

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{type(self).__module__.rpartition('.')[0]}.{name}")

    @abc.abstractmethod
    def synthetic_batch(self, batch_size: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return a random batch of the right shapes and dtypes, for benchmarks without data."""

    def outputs(self, model_call: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
        """Say how a batch goes through the model; `model_call` takes the model's inputs."""
        return model_call(batch["inputs"])

    def cut(self, parts: Sequence[Batch], batch_size: int) -> tuple[Batch, Batch | None] | None:
        """Return the first `batch_size` examples of consecutive batches as a batch, and the rest.

        The rest is None where nothing is left. None alone means: that is no full batch yet.
        """
        return cut_examples(parts, batch_size)

    def single_examples(self, batch: Batch) -> Batch:
        """Return, along a new first axis, what makes `batch` a batch of one of its examples.

        Names that are left out are the same for all. The default is each example as a batch of one.
        """
        return {name: ops.expand_dims(value, 1) for name, value in batch.items()}

    @abc.abstractmethod
    def loss(self, outputs: Tensor, batch: Batch, label_smoothing: Any = 0.0) -> Loss:
        """Return the loss per example, without regularization."""

    @abc.abstractmethod
    def evaluate_batch(
        self, model_call: Callable[[Tensor], Tensor], batch: Batch
    ) -> dict[str, Tensor]:
        """Return what `summarize` needs of one batch; compiled by the referee.

        By convention arrays whose first axis is the example, plus `weights` `(batch,)`.
        """

    def summarize(self, batches: Sequence[Mapping[str, np.ndarray]]) -> dict[str, float]:
        """Reduce the results of all batches of a split to metrics, on the host in float64.

        The default is the weighted mean of every array, which does not depend on batch size.
        """
        weights = np.concatenate([batch["weights"] for batch in batches]).astype(np.float64)
        total = weights.sum()
        names = [name for name in batches[0] if name != "weights"]
        return {
            name: float(
                np.dot(np.concatenate([b[name] for b in batches]).astype(np.float64), weights)
                / total
            )
            for name in names
        }


def cut_examples(parts: Sequence[Batch], batch_size: int) -> tuple[Batch, Batch | None] | None:
    """Do as `Workload.cut` says with arrays that all have the example as their first axis."""
    counts = [int(next(iter(part.values())).shape[0]) for part in parts]
    if sum(counts) < batch_size:
        return None
    if counts == [batch_size]:
        return parts[0], None
    joined = {name: ops.concatenate([part[name] for part in parts]) for name in parts[0]}
    rest = {name: value[batch_size:] for name, value in joined.items()}
    first = {name: value[:batch_size] for name, value in joined.items()}
    return first, rest if sum(counts) > batch_size else None
