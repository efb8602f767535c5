"""What differs between two machines, and what of it may change a result."""

from __future__ import annotations

from typing import Any

import pytest

from kit.records.environments import (
    doubts_about_bits,
    environment_differences,
    xla_difference,
)

HERE: dict[str, Any] = {
    "kit_version": "0.1.0",
    "source": {"revision": "a" * 40, "dirty": False},
    "lock_sha256": {"cpu.lock": "1" * 64, "gpu.lock": "2" * 64},
    "image_digest": None,
    "data_manifest_sha256": {"train": "3" * 64},
    "isolation": "bubblewrap",
    "trainer_environment": {"HOME": "/tmp", "STOPWATCH_DATA": "/here/data"},
    "python": "3.11.9",
    "packages": {"tensorflow": "2.18.0", "keras": "3.8.0", "click": "8.1.0"},
    "cpu": "Some Processor",
    "cpu_cores": 2,
    "gpus": [],
    "load_average": [0.1, 0.2, 0.3],
    "memory_bytes": 1,
}
GPU = {"name": "H100", "driver": "550"}


def told(**changes: Any) -> dict[str, bool]:
    """Return what differs and whether it bears on the bits."""
    return {d.what: d.bears for d in environment_differences(HERE, HERE | changes)}


def test_the_same_machine_differs_in_nothing_whatever_its_load():
    assert told(load_average=[9.0, 9.0, 9.0], memory_bytes=2) == {}
    elsewhere = HERE["trainer_environment"] | {"STOPWATCH_DATA": "/there"}
    assert told(trainer_environment=elsewhere) == {}
    assert doubts_about_bits(HERE, HERE, ()) == []


@pytest.mark.parametrize(
    ("changes", "what", "bears"),
    [
        ({"cpu": "Another"}, "processor", True),
        ({"cpu_cores": 4}, "cores", True),
        ({"trainer_environment": {"HOME": "/tmp", "X": "1"}}, "the trainer's variable X", True),
        ({"data_manifest_sha256": {"train": "4" * 64}}, "prepared data", True),
        ({"packages": HERE["packages"] | {"tensorflow": "2.19.0"}}, "tensorflow", True),
        ({"gpus": [GPU]}, "GPUs", True),
        ({"isolation": "process"}, "isolation", False),
        ({"image_digest": "sha256:" + "5" * 64}, "the referee's image", False),
        ({"source": {"revision": "b" * 40, "dirty": True}}, "the kit's source", False),
        ({"lock_sha256": {"cpu.lock": "6" * 64, "gpu.lock": "2" * 64}}, "the lock file cpu.lock",
         False),
        ({"packages": HERE["packages"] | {"click": "8.2.0"}},
         "versions of 1 packages that compute nothing", False),
    ],
)  # fmt: skip
def test_each_difference_is_named_and_weighed(changes, what, bears):
    assert told(**changes) == {what: bears}


def test_bits_are_doubted_on_a_gpu_even_where_nothing_differs():
    both = HERE | {"gpus": [GPU]}
    assert environment_differences(both, both) == ()
    assert doubts_about_bits(both, both, ()) == ["GPUs do not add in a fixed order"]


def test_doubts_name_what_bears_and_leave_out_the_rest():
    other = HERE | {"cpu": "Another", "isolation": "process"}
    differences = environment_differences(HERE, other)
    assert doubts_about_bits(HERE, other, differences) == ["processor differs"]


def test_another_choice_of_xla_bears_on_the_bits():
    assert xla_difference({"update": True}, {"update": True}) is None
    found = xla_difference({"update": True}, {"update": False})
    assert str(found) == "compiled with XLA: update=True in the record, update=False here"
    assert found.bears


def test_an_unreadable_environment_differs_in_everything_and_breaks_nothing():
    differences = environment_differences({}, HERE)
    assert doubts_about_bits({}, HERE, differences)
    strange = {"packages": [1], "source": "x", "gpus": "none", "lock_sha256": 3}
    assert environment_differences(strange, strange) == ()
