"""What else used the machine during submission time, read from a made-up /proc and /sys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kit.records.disturbance import disturbances
from kit.records.record import ContentionRecord
from kit.referee.clock import Clock
from kit.referee.contention import Meter
from kit.rules.ruleset import ContentionLimits

TICKS = os.sysconf("SC_CLK_TCK")
LIMITS = ContentionLimits(other_cpu=0.25, steal=0.1, throttled=0.05)
PID = 77


class Machine:
    """A machine with two CPUs whose counters are set by hand, in seconds."""

    def __init__(self, root: Path, *, cgroup: str = "0::/a/trial\n") -> None:
        self.root = root
        self.values = dict.fromkeys(("busy", "steal", "pressure", "throttled", "trial"), 0.0)
        self.cgroup = cgroup
        self.load = 0.5
        self.missing: set[str] = set()
        self.add()

    def add(self, **seconds: float) -> None:
        """Let time go by, and write what the kernel would show."""
        for name, value in seconds.items():
            self.values[name] += value
        v = {name: round(value * TICKS) for name, value in self.values.items()}
        trial = v["trial"] // 2
        self._write("proc/stat", f"cpu  {v['busy']} 0 0 5 5 0 0 {v['steal']} 0 0\ncpu0 1\ncpu1 1\n")
        self._write("proc/loadavg", f"{self.load} 0.1 0.1 1/100 99\n")
        self._write(
            "proc/pressure/cpu", f"some avg10=1.00 total={self.values['pressure'] * 1e6:.0f}\n"
        )
        self._write(
            f"proc/{PID}/stat", f"{PID} (a) b) S" + " 0" * 10 + f" {trial} 0 {trial} 0 20\n"
        )
        self._write(f"proc/{PID}/cgroup", self.cgroup)
        throttled = f"usage_usec 1\nthrottled_usec {self.values['throttled'] * 1e6:.0f}\n"
        self._write("sys/fs/cgroup/a/cpu.stat", throttled)
        self._write("sys/fs/cgroup/a/trial/cpu.stat", "usage_usec 1\nthrottled_usec 0\n")

    def _write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path in self.missing:
            target.unlink(missing_ok=True)
        else:
            target.write_text(text)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def measured(machine: Machine, *, between: dict[str, float] | None = None) -> ContentionRecord:
    """Return what the meter of a clock says of two stretches of five seconds."""
    meter = Meter(machine.root)
    meter.watch(lambda: [PID])
    clock = Clock(lambda: 0, meter=meter)
    for _ in range(2):
        clock.switch("submission")
        machine.add(busy=6, steal=0.5, pressure=3, throttled=0.2, trial=4)
        clock.switch("evaluation")
        machine.add(**(between or {}))
    clock.stop()
    return meter.record(10.0)


def test_only_submission_time_counts(machine: Machine) -> None:
    found = measured(machine, between={"busy": 50, "steal": 9, "throttled": 9, "trial": 1})
    assert found.model_dump() == pytest.approx(
        {
            "seconds": 10.0,
            "cpus": 2,
            "trial_cpu_seconds": 8.0,
            "other_cpu_seconds": 4.0,
            "steal_seconds": 1.0,
            "pressure_seconds": 6.0,
            "throttled_seconds": 0.4,
            "load_average": 0.5,
        }
    )


@pytest.mark.parametrize(
    ("path", "unknown"),
    [
        ("proc/stat", {"cpus", "other_cpu_seconds", "steal_seconds"}),
        ("proc/pressure/cpu", {"pressure_seconds"}),
        ("proc/loadavg", {"load_average"}),
        (f"proc/{PID}/stat", {"trial_cpu_seconds", "other_cpu_seconds"}),
        (f"proc/{PID}/cgroup", {"throttled_seconds"}),
    ],
)
def test_what_cannot_be_read_is_null_and_not_zero(
    machine: Machine, path: str, unknown: set[str]
) -> None:
    machine.missing.add(path)
    machine.add()
    found = measured(machine).model_dump()
    assert {name for name, value in found.items() if value is None} == unknown


def test_counters_of_processes_that_ended_are_null(machine: Machine) -> None:
    meter = Meter(machine.root)
    meter.watch(lambda: [PID])
    machine.add(trial=5)
    meter.begin()
    machine.add(trial=-4)
    meter.end()
    assert meter.record(1.0).trial_cpu_seconds is None
    assert meter.record(1.0).other_cpu_seconds is None


def test_control_groups_of_version_1_are_read(machine: Machine) -> None:
    machine.cgroup = "9:name=systemd:/\n1:cpu,cpuacct:/box\n0::/\n"
    for seconds in (0, 2):
        stat = f"nr_throttled 5\nthrottled_time {seconds * 10**9}\n"
        path = machine.root / "sys/fs/cgroup/cpu,cpuacct/box/cpu.stat"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stat)
        machine.add()
        if seconds == 0:
            meter = Meter(machine.root)
            meter.watch(lambda: [PID])
            meter.begin()
    meter.end()
    assert meter.record(1.0).throttled_seconds == 2.0


def test_a_trial_that_never_started_says_nothing() -> None:
    assert Meter().record(0.0) == ContentionRecord()


def test_this_machine_can_be_read() -> None:
    meter = Meter()
    meter.watch(lambda: [os.getpid()])
    meter.begin()
    sum(range(2_000_000))
    meter.end()
    found = meter.record(1.0)
    assert found.cpus == os.cpu_count()
    assert found.trial_cpu_seconds is not None
    assert found.other_cpu_seconds is not None


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"other_cpu_seconds": 5.0}, []),
        (
            {"other_cpu_seconds": 6.0},
            ["Other processes used 30% of the machine's CPU time; the limit is 25%."],
        ),
        (
            {"steal_seconds": 3.0, "throttled_seconds": 1.0},
            [
                "The hypervisor withheld 15% of the machine's CPU time; the limit is 10%.",
                "A CPU quota held the trial back for 10% of the submission time; the limit is 5%.",
            ],
        ),
        ({"pressure_seconds": 10.0, "load_average": 90.0}, []),
        (dict.fromkeys(("other_cpu_seconds", "steal_seconds", "throttled_seconds")), []),
    ],
)
def test_reasons_are_sentences(changes: dict[str, float | None], reasons: list[str]) -> None:
    quiet = ContentionRecord(
        seconds=10.0, cpus=2, other_cpu_seconds=0.0, steal_seconds=0.0, throttled_seconds=0.0
    )
    assert disturbances(quiet.model_copy(update=changes), LIMITS) == reasons
    assert disturbances(quiet.model_copy(update=changes), None) == []
