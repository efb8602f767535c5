"""What the referee makes of a container's own account of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kit.errors import TrialError
from kit.referee.surroundings import surroundings_facts
from kit.trainer.surroundings import surroundings

GIB = 1 << 30
DATA = Path("/data/mnist/mini/train")
MOUNTS = {
    "/": "ro",
    "/proc": "rw",
    "/dev": "rw",
    "/dev/shm": "rw",
    "/sys/fs/cgroup": "rw",
    "/tmp": "rw",
    "/exchange": "rw",
    "/stopwatch/rules": "rw",
    "/etc/hosts": "ro",
    str(DATA): "ro",
}
SHUT_IN = {
    "networks": ["lo"],
    "mounts": MOUNTS,
    "memory_limit_bytes": 4 * GIB,
    "process_limit": 2048,
}


def look(report: Any) -> Any:
    text = report if isinstance(report, bytes) else json.dumps(report).encode()
    return surroundings_facts(text, training_data=DATA, memory_limit_bytes=4 * GIB)


def test_what_the_compose_file_gives_passes() -> None:
    assert look(SHUT_IN) == {
        "networks": ["lo"],
        "memory_limit_bytes": 4 * GIB,
        "process_limit": 2048,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"networks": ["eth0", "lo"]}, "the trainer has a network (eth0, lo)"),
        ({"networks": []}, "the trainer has a network"),
        ({"memory_limit_bytes": None}, "memory is not limited"),
        ({"memory_limit_bytes": 5 * GIB}, "memory is not limited"),
        ({"process_limit": None}, "processes is not limited"),
        ({"process_limit": 5000}, "processes is not limited"),
        ({"mounts": {**MOUNTS, "/": "rw"}}, "the trainer can write to /."),
        ({"mounts": {**MOUNTS, str(DATA): "rw"}}, f"the trainer can write to {DATA}."),
        ({"mounts": {**MOUNTS, "/results": "ro"}}, "the trainer can see /results."),
        ({"mounts": {**MOUNTS, "/data": "ro"}}, "the trainer can see /data."),
        ({"mounts": {**MOUNTS, "/run/secrets/key": "ro"}}, "can see /run/secrets/key."),
        ({"mounts": {**MOUNTS, "/devices": "ro"}}, "the trainer can see /devices."),
    ],
)
def test_what_is_open_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(TrialError) as caught:
        look(SHUT_IN | changes)
    assert str(caught.value).startswith("This is not the isolation that docker-compose.yml")
    assert said in str(caught.value)


def test_the_drivers_files_may_be_seen_and_not_written() -> None:
    library = "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"
    look(SHUT_IN | {"mounts": {**MOUNTS, library: "ro", "/usr/bin/nvidia-smi": "ro"}})
    with pytest.raises(TrialError, match="can write to /usr/lib"):
        look(SHUT_IN | {"mounts": {**MOUNTS, library: "rw"}})


@pytest.mark.parametrize(
    "report",
    [b"", b"not JSON", [], {}, {**SHUT_IN, "mounts": []}, {**SHUT_IN, "process_limit": "many"}],
)
def test_an_account_that_cannot_be_read_is_refused(report: Any) -> None:
    with pytest.raises(TrialError, match="did not say what it can see"):
        look(report)


def test_a_process_of_this_machine_gives_an_account_that_can_be_read() -> None:
    found = surroundings()
    assert "lo" in found["networks"]
    assert found["mounts"]["/"] in ("ro", "rw")
    assert json.loads(json.dumps(found)) == found
