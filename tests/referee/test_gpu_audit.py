"""The logic of the GPU audit, over a stand-in for the driver: these tests see no GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from kit.referee.gpu_audit import GpuAudit

UNSEEN = 99  # a process as the host names it, seen from a PID namespace


class Driver:
    """Answers like pynvml with one device and the samples it was given."""

    NVML_ERROR_NOT_FOUND = 6

    class NVMLError(Exception):
        value = 0

    def __init__(self, samples: list[tuple[int, int]] | int, devices: int = 1) -> None:
        self.samples, self.devices = samples, devices

    def nvmlInit(self) -> None:  # noqa: N802 - the driver's name
        if not self.devices:
            raise self.NVMLError

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self.devices

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetProcessUtilization(self, device: int, since: int) -> list:  # noqa: N802
        assert since > 0
        if isinstance(self.samples, int):
            error = self.NVMLError()
            error.value = self.samples
            raise error
        return [SimpleNamespace(pid=pid, smUtil=used) for pid, used in self.samples]


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (Driver([], devices=0), None),
        (Driver([]), 0.0),
        (Driver([(7, 40), (7, 90), (8, 100)]), 0.9),
        (Driver([(8, 100)]), 0.0),
        (Driver(Driver.NVML_ERROR_NOT_FOUND), 0.0),
        (Driver(3), None),
        (Driver([(7, 40), (UNSEEN, 90)]), None),
    ],
)
def test_only_the_trainers_share_counts(driver: Driver, expected: float | None) -> None:
    audit = GpuAudit(driver, is_visible=lambda pid: pid != UNSEEN)
    audit.start()
    assert audit.utilization({7}) == expected
