"""What of the hardware and the kernel disturbs a measurement."""

from __future__ import annotations

import pytest

from kit.doctor import Level, machine


@pytest.mark.parametrize(
    ("free", "level"), [(1e9, Level.ERROR), (3e9, Level.WARNING), (9e9, Level.OK)]
)
def test_little_memory_is_found(free, level):
    assert machine.memory(free).level is level


def test_busy_machine_is_found():
    finding = machine.load(1.7, cores=2)
    assert finding.level is Level.WARNING
    assert "a busy machine makes times unreliable" in finding.text
    assert machine.load(0.3, cores=2).level is Level.OK


def test_bad_clock_is_found(tmp_path):
    (tmp_path / "clock").write_text("acpi_pm\n")
    assert machine.clock_source(tmp_path / "clock").fix == "boot with clocksource=tsc"
    (tmp_path / "clock").write_text("tsc\n")
    assert machine.clock_source(tmp_path / "clock").level is Level.OK


def test_powersaving_governor_is_found(tmp_path):
    file = tmp_path / "cpu0" / "cpufreq" / "scaling_governor"
    file.parent.mkdir(parents=True)
    file.write_text("powersave\n")
    assert "cpupower" in machine.governor(tmp_path).fix
    file.write_text("performance\n")
    assert machine.governor(tmp_path).level is Level.OK


def test_missing_shared_memory_is_found(tmp_path):
    assert "not writable" in machine.shared_memory(tmp_path / "shm").text
