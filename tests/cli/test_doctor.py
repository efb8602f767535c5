"""What the doctor finds, and that it says how to mend it."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner

from kit.cli.doctor import doctor
from kit.doctor import Level, machine, project, shutting_in, software
from kit.doctor import examination as examination_module
from kit.doctor.finding import error, ok, warning


def run_doctor(monkeypatch, findings, *arguments):
    checks = [lambda finding=finding: finding for finding in findings]
    monkeypatch.setattr(examination_module, "CHECKS", checks)
    return CliRunner().invoke(doctor, arguments, standalone_mode=False)


def test_doctor_writes_one_line_each_with_the_fix(monkeypatch):
    findings = [ok("Clock", "tsc"), warning("Load", "3.0 on 2 cores", "wait")]
    result = run_doctor(monkeypatch, findings)
    assert result.return_value == 0
    assert result.output.splitlines() == [
        "ok    Clock        tsc.",
        "warn  Load         3.0 on 2 cores. Fix: wait",
    ]


def test_doctor_fails_only_for_what_prevents_running(monkeypatch):
    result = run_doctor(monkeypatch, [error("Memory", "0.1 GB free", "buy some")])
    assert result.return_value == 1
    assert result.output == "FAIL  Memory       0.1 GB free. Fix: buy some\n"


def test_doctor_json_is_a_list_of_findings(monkeypatch):
    result = run_doctor(monkeypatch, [warning("Load", "3.0", "wait")], "--json")
    assert json.loads(result.output) == [
        {"subject": "Load", "level": "warning", "text": "3.0", "fix": "wait"}
    ]


def test_doctor_examines_this_machine():
    result = CliRunner().invoke(doctor, ["--json"], standalone_mode=False)
    found = json.loads(result.output)
    assert len(found) == len(examination_module.CHECKS)
    assert all(finding["fix"] for finding in found if finding["level"] != "ok")


def test_wrong_python_is_an_error():
    finding = software.python((3, 12, 1))
    assert finding.level is Level.ERROR
    assert finding.text == "3.12.1; the locked packages are for 3.11"


@pytest.mark.parametrize(
    ("lock", "level", "text"),
    [
        ("click=={click} \\\n    --hash=sha256:0\n", Level.OK, "all 1 as locked in cpu.lock"),
        ("click==0.1\n", Level.WARNING, "click {click} instead of 0.1"),
        ("no-such-package==1.0\n", Level.ERROR, "missing: no-such-package"),
    ],
)
def test_packages_are_compared_with_the_lock(tmp_path, lock, level, text):
    import importlib.metadata

    installed = {"click": importlib.metadata.version("click")}
    for name in ("cpu.lock", "gpu.lock"):
        (tmp_path / name).write_text(lock.format(**installed))
    finding = software.packages(tmp_path)
    assert finding.level is level
    assert text.format(**installed) in finding.text.replace("gpu.lock", "cpu.lock")


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


def test_broken_bubblewrap_is_a_warning_with_its_reason():
    finding = shutting_in.bubblewrap(lambda: "bwrap is not installed")
    assert finding.level is Level.WARNING
    assert finding.text.startswith("bwrap is not installed; trainers run as plain processes")


def test_key_that_others_can_read_is_found(tmp_path):
    assert "the first trial makes a development key" in project.signing_key(tmp_path).text
    key = tmp_path / "keys" / "development.pem"
    key.parent.mkdir()
    key.write_text("secret")
    key.chmod(0o644)
    assert project.signing_key(tmp_path).fix == f"chmod 600 {key}"
    key.chmod(0o600)
    assert "development key" in project.signing_key(tmp_path).text


class FakeProcess:
    """A process with a command and ancestors."""

    def __init__(self, pid, command, parents=()):
        self.pid, self._command, self._parents = pid, command, parents

    def cmdline(self):
        if self._command is None:
            raise psutil.NoSuchProcess(self.pid)
        return self._command

    def parents(self):
        return self._parents

    def status(self):
        return "stopped"


def test_trainer_without_a_referee_is_found_and_others_are_left_alone():
    trainer = ["/venv/bin/python", "-P", "-m", "kit.trainer", "/exchange", "/submission"]
    referee = FakeProcess(10, ["/venv/bin/python", "/venv/bin/kit", "run"])
    init = FakeProcess(1, ["/sbin/init"])
    bwrap = FakeProcess(11, ["bwrap", "--", *trainer])
    processes = [
        FakeProcess(20, trainer, [bwrap, referee, init]),
        FakeProcess(21, trainer, [bwrap, init]),
        FakeProcess(22, ["vim", "kit.trainer"], [init]),
        FakeProcess(23, None),
    ]
    finding = project.leftover_trainers(processes)
    assert finding.text == "trainers without a referee: 21 (stopped)"
    assert finding.fix == "kill -KILL 21"
    assert project.leftover_trainers(processes[:1]).level is Level.OK


def test_abandoned_folder_is_found_and_one_in_use_is_not(tmp_path):
    for name in ("stopwatch-old", "stopwatch-used", "stopwatch-new", "other"):
        (tmp_path / name).mkdir()
    for name in ("stopwatch-old", "stopwatch-used"):
        os.utime(tmp_path / name, (time.time() - 3600,) * 2)
    commands = [["bwrap", "--bind", str(tmp_path / "stopwatch-used"), "/exchange"]]
    finding = project.leftover_folders([tmp_path], commands)
    assert finding.fix == f"rm -r {tmp_path / 'stopwatch-old'}"


def test_damaged_data_is_found(monkeypatch):
    states = {"mnist": project.DataStatus.DAMAGED, "wmt": project.DataStatus.ABSENT}
    monkeypatch.setattr(project.registry, "workload_names", lambda: list(states))
    monkeypatch.setattr(project, "status", lambda name, scale: states[name])
    assert project.data().fix == "kit data prepare mnist"
    states["mnist"] = project.DataStatus.PREPARED
    assert project.data().text == "prepared: mnist; prepared on first use: wmt"


def test_machine_without_gpu_is_fine(monkeypatch):
    import pynvml

    def absent():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", absent)
    assert machine.gpus().level is Level.OK


def test_gpu_is_named_with_its_driver(monkeypatch):
    import pynvml

    fakes = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: "550.1",
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: SimpleNamespace(index=index),
        "nvmlDeviceGetName": lambda handle: "Tesla V100",
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(pynvml, name, fake)
    assert machine.gpus().text == "Tesla V100; driver 550.1"
