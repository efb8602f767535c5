"""What the trainer's processes do on the GPU while they are frozen, as NVML sees it.

A frozen process can start no kernel, but kernels that it queued before run on. The kit's own loop
waits for the device before it hands weights over; a patched loop may not.
Source: NVML API reference, nvmlDeviceGetProcessUtilization.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pynvml


def _is_visible(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


class GpuAudit:
    """Samples the utilisation of all GPUs by process. Without a GPU it knows nothing."""

    def __init__(self, nvml: Any = pynvml, is_visible: Callable[[int], bool] = _is_visible) -> None:
        self._nvml = nvml
        self._is_visible = is_visible
        self._since_microseconds = 0
        try:
            nvml.nvmlInit()
            count = nvml.nvmlDeviceGetCount()
            self._devices = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        except nvml.NVMLError:
            self._devices = []

    def start(self) -> None:
        """Begin a pause: earlier samples do not count."""
        self._since_microseconds = time.time_ns() // 1000

    def utilization(self, pids: Collection[int]) -> float | None:
        """Return the largest share of a GPU's time that `pids` used in one sample since `start`.

        None when there is no GPU, or its driver does not tell: it names processes as the host
        does, so in a PID namespace of its own the referee cannot tell whose they are.
        """
        largest: float | None = None
        for device in self._devices:
            try:
                samples = self._nvml.nvmlDeviceGetProcessUtilization(
                    device, self._since_microseconds
                )
            except self._nvml.NVMLError as error:
                if getattr(error, "value", None) != self._nvml.NVML_ERROR_NOT_FOUND:
                    continue
                samples = []  # no process has used the device since then
            if not all(self._is_visible(sample.pid) for sample in samples):
                return None
            used = [s.smUtil / 100 for s in samples if s.pid in pids]
            largest = max([largest or 0.0, *used])
        return largest
