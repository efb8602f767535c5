"""What the doctor says about GPUs and their driver."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest

from kit.doctor import Level, gpu
from kit.doctor.gpu import Gpu, Gpus


class FakeDriver:
    """Answers as NVML does; what is not among the answers is not supported."""

    def __init__(self, monkeypatch, **answers):
        everything = {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlSystemGetDriverVersion": "550.1",
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetName": "Tesla V100",
        } | answers
        for name in [name for name in vars(pynvml) if name.startswith("nvml")]:
            monkeypatch.setattr(pynvml, name, self.answer(everything, name))

    @staticmethod
    def answer(everything, name):
        def call(*_):
            if name not in everything:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            if isinstance(everything[name], Exception):
                raise everything[name]
            return everything[name]

        return call


def test_machine_without_gpu_is_fine(monkeypatch):
    absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    FakeDriver(monkeypatch, nvmlInit=absent)
    (finding,) = gpu.examine(gpu.look())
    assert finding.level is Level.OK
    assert finding.text == "none (or no NVIDIA driver): trials run on the CPU"


def test_a_driver_that_was_updated_without_a_restart_is_found(monkeypatch):
    mismatch = pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)
    FakeDriver(monkeypatch, nvmlInit=mismatch)
    (finding,) = gpu.examine(gpu.look())
    assert finding.level is Level.WARNING
    assert "library is of another version than its kernel module" in finding.text
    assert finding.fix == "restart this machine"


def test_a_gpu_that_tells_only_its_name_is_not_suspected(monkeypatch):
    FakeDriver(monkeypatch)
    assert gpu.look() == Gpus("550.1", [Gpu(0, "Tesla V100", processes=[])])
    findings = list(gpu.examine(gpu.look()))
    assert [finding.level for finding in findings] == [Level.OK] * 3
    assert [finding.text for finding in findings[1:]] == [
        "none splits, reserves or puts to sleep a GPU",
        "no other program uses a GPU",
    ]


def test_settings_and_processes_are_asked_of_the_driver(monkeypatch):
    FakeDriver(
        monkeypatch,
        nvmlDeviceGetComputeMode=pynvml.NVML_COMPUTEMODE_EXCLUSIVE_PROCESS,
        nvmlDeviceGetMigMode=[1, 1],
        nvmlDeviceGetPersistenceMode=0,
        nvmlDeviceGetComputeRunningProcesses=[SimpleNamespace(pid=7), SimpleNamespace(pid=5)],
        nvmlDeviceGetGraphicsRunningProcesses=[SimpleNamespace(pid=7)],
    )
    assert gpu.look() == Gpus("550.1", [Gpu(0, "Tesla V100", False, False, True, [5, 7])])


@pytest.mark.parametrize(
    ("version", "level", "text"),
    [
        ("550.1", Level.OK, "2 × H100; driver 550.1 (CUDA 12.9 of gpu.lock needs 525.60.13"),
        ("525.60.13", Level.OK, "driver 525.60.13 (CUDA 12.9"),
        (
            "525.60.11",
            Level.WARNING,
            "2 × H100; driver 525.60.11 is too old: CUDA 12.9 of gpu.lock needs 525.60.13 or newer;"
            " trials run on the CPU",
        ),
        ("470.82.01", Level.WARNING, "driver 470.82.01 is too old"),
    ],
)
def test_the_driver_is_compared_with_the_locked_cuda(tmp_path, version, level, text):
    (tmp_path / "gpu.lock").write_text("keras==3.0\nnvidia-cuda-runtime-cu12==12.9.79 \\\n")
    finding = gpu.driver(Gpus(version, [Gpu(0, "H100"), Gpu(1, "H100")]), tmp_path)
    assert finding.level is level
    assert text in finding.text
    assert level is Level.OK or finding.fix == "install a newer NVIDIA driver"


@pytest.mark.parametrize(
    ("lock", "text"),
    [
        ("keras==3.0\n", "gpu.lock names no CUDA"),
        ("nvidia-cuda-runtime==99.1.2\n", "gpu.lock names CUDA 99, whose driver is not known here"),
        (None, "gpu.lock names no CUDA"),
    ],
)
def test_a_lock_that_says_nothing_of_use_is_told(tmp_path, lock, text):
    if lock is not None:
        (tmp_path / "gpu.lock").write_text(lock)
    finding = gpu.driver(Gpus("550.1", [Gpu(0, "H100")]), tmp_path)
    assert finding.level is Level.WARNING
    assert finding.text.endswith(text)


def test_the_driver_for_the_cuda_of_this_checkout_is_known():
    version = gpu.cuda_version()
    assert version is not None
    assert version[0] in gpu.OLDEST_DRIVERS


@pytest.mark.parametrize(
    ("device", "text", "option"),
    [
        (Gpu(0, "x", shared=False), "GPU 0 takes one process or none", "--compute-mode=DEFAULT"),
        (Gpu(1, "x", partitioned=True), "GPU 1 is split (MIG)", "--multi-instance-gpu=0"),
        (Gpu(2, "x", persistent=False), "GPU 2 sleeps when unused", "--persistence-mode=1"),
    ],
)
def test_settings_that_disturb_a_trial_are_found(device, text, option):
    finding = gpu.settings([Gpu(9, "fine", True, True, False), device])
    assert finding.level is Level.WARNING
    assert finding.text.startswith(text)
    assert finding.fix == f"sudo nvidia-smi --id={device.index} {option}"


def test_a_busy_gpu_is_found():
    finding = gpu.use([Gpu(0, "x"), Gpu(1, "x", processes=[12, 34])])
    assert finding.level is Level.WARNING
    assert finding.text == (
        "other programs use it (process ids: GPU 1: 12, 34): times become unreliable"
    )
    assert finding.fix == "wait, or stop them"
