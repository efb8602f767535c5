"""Step time of a submission on a workload, without a referee."""

from __future__ import annotations

import itertools
import resource
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras import ops

from kit.backend import framework
from kit.backend.functional import build_initial
from kit.contracts import Workload
from kit.trainer.assembly import assemble
from kit.trainer.data import Queue, training_queue
from kit.trainer.loop import Loop

_WARM_UP_STEPS = 3


@dataclass(frozen=True)
class StepTimes:
    """What `benchmark` measured. Times of single steps include waiting for data."""

    milliseconds: list[float]
    compile_seconds: float
    data_wait_share: float  # of the time of the measured steps
    peak_memory_bytes: int
    device: str
    xla: Mapping[str, bool]

    @property
    def median_milliseconds(self) -> float:
        """The median time of a step."""
        return statistics.median(self.milliseconds)


class _StopwatchPort:
    """A port that never asks for an evaluation and notes when steps end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def evaluation_due(self) -> bool:
        return False

    def set_step(self, step: int) -> None:
        self.ends.append(time.perf_counter())

    def evaluate(self, *_: Any) -> None:
        return None

    def complete(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


@dataclass(frozen=True)
class BenchmarkOptions:
    """What to run."""

    submission: Path
    hyperparameters: Mapping[str, Any]
    batch_size: int
    step_hint: int = 1000
    steps: int = 30
    synthetic: bool = False
    xla: bool | None = None
    seed: int = 0
    extras: Path | None = None  # folder of the submission's extra packages


def benchmark(workload: Workload, options: BenchmarkOptions) -> StepTimes:
    """Run a few steps and measure them. Compilation comes first and is not among the steps."""
    framework().configure()
    model = build_initial(workload, options.seed)
    params, model_state = model.initial_values()
    program = assemble(
        model,
        options.submission,
        [*params, *model_state],
        hyperparameters=options.hyperparameters,
        step_hint=options.step_hint,
        batch_size=options.batch_size,
        seed=options.seed,
        xla=options.xla,
        extras=options.extras,
    )
    queue = _queue(workload, options)
    Loop(program, queue, _StopwatchPort()).run(_WARM_UP_STEPS)
    queue.wait_seconds = 0.0
    port = _StopwatchPort()
    start = time.perf_counter()
    Loop(program, queue, port).run(options.steps)
    marks = [start, *port.ends[:-1]]
    total = marks[-1] - start
    device_memory = framework().peak_device_memory_bytes()
    host_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return StepTimes(
        milliseconds=[1000 * (b - a) for a, b in itertools.pairwise(marks)],
        compile_seconds=program.compile_seconds,
        data_wait_share=queue.wait_seconds / total,
        peak_memory_bytes=host_memory if device_memory is None else device_memory,
        device=framework().device_kind(),
        xla=program.xla,
    )


def _queue(workload: Workload, options: BenchmarkOptions) -> Queue:
    if not options.synthetic:
        return training_queue(workload, options.batch_size, options.seed)
    batch = workload.synthetic_batch(options.batch_size, options.seed)
    tensors = {name: ops.convert_to_tensor(value) for name, value in batch.items()}
    return Queue(_forever(tensors), options.batch_size, workload.cut)


def _forever(batch: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while True:
        yield batch
