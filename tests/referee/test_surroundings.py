"""What the referee makes of a container's own report about itself.

The reports of both containers were captured from Docker 20.10 with version 1 of cgroups.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kit.errors import TrialError
from kit.referee.surroundings import surroundings_facts
from kit.trainer.surroundings import surroundings

GIB = 1 << 30
DATA = Path("/data/mnist/mini/train")
CAPTURED = json.loads((Path(__file__).parent / "captured/surroundings.json").read_text())
REFEREE, TRAINER = CAPTURED["referee"], CAPTURED["trainer"]
MOUNTS = TRAINER["mounts"]
OF_A_DISK = MOUNTS[str(DATA)]  # a folder of the host, read-only
FILE = {**OF_A_DISK, "directory": False}
LIBRARY = "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"
IPC, UTS, PID, CGROUP = 0xEFFFFFFF, 0xEFFFFFFE, 0xEFFFFFFC, 0xEFFFFFFB  # the machine's own


@pytest.fixture(autouse=True)
def _sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_SIZE", str(8 * GIB))


def look(report: Any, *, own: Mapping[str, Any] = REFEREE, hostname: str | None = None) -> Any:
    return surroundings_facts(
        report if isinstance(report, bytes) else json.dumps(report).encode(),
        own=own,
        training_data=DATA,
        memory_limit_bytes=14 * GIB,
        hostname=hostname,
    )


def refusal(report: Any, **options: Any) -> str:
    with pytest.raises(TrialError) as caught:
        look(report, **options)
    assert str(caught.value).startswith("This is not the isolation that docker-compose.yml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def with_mounts(report: Mapping[str, Any] = TRAINER, **mounts: Any) -> dict[str, Any]:
    return {**report, "mounts": {**report["mounts"], **mounts}}


def with_mount(path: str, **changes: Any) -> dict[str, Any]:
    return with_mounts(**{path: {**MOUNTS.get(path, FILE), **changes}})


def test_what_the_compose_file_gives_passes() -> None:
    assert look(TRAINER, hostname=TRAINER["hostname"]) == {
        "networks": ["lo"],
        "memory_limit_bytes": 14 * GIB,
        "process_limit": 2048,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"networks": ["eth0", "lo"]}, "the trainer has a network (eth0, lo)"),
        ({"networks": []}, "the trainer has a network"),
        ({"memory_limit_bytes": None}, "memory is not limited"),
        ({"memory_limit_bytes": 15 * GIB}, "memory is not limited"),
        ({"process_limit": None}, "processes is not limited"),
        ({"process_limit": 2049}, "processes is not limited"),
        ({"devices": [*TRAINER["devices"], "sda"]}, "the trainer can see /dev/sda."),
        ({"devices": [*TRAINER["devices"], "nvidia0"]}, "the trainer can see /dev/nvidia0."),
    ],
)
def test_what_is_open_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in refusal({**TRAINER, **changes})


@pytest.mark.parametrize(
    ("name", "inode", "said"),
    [
        ("ipc", IPC, "the trainer has no ipc namespace to itself"),
        ("ipc", REFEREE["namespaces"]["ipc"], "the trainer has no ipc namespace to itself"),
        ("uts", UTS, "the trainer has no uts namespace to itself"),
        ("net", REFEREE["namespaces"]["net"], "the trainer has no net namespace to itself"),
        ("mnt", REFEREE["namespaces"]["mnt"], "the trainer has no mnt namespace to itself"),
        ("pid", PID, "the trainer's pid namespace is not the referee's own"),
        ("pid", 1, "the trainer's pid namespace is not the referee's own"),
        ("user", 1, "the trainer's user namespace is not the referee's own"),
    ],
)
def test_a_namespace_that_should_be_another_is_named(name: str, inode: int, said: str) -> None:
    spaces = {**TRAINER["namespaces"], name: inode}
    assert f"{said}." in refusal({**TRAINER, "namespaces": spaces})


def test_the_machines_pid_namespace_is_not_the_referees_own() -> None:
    both = (
        {**each, "namespaces": {**each["namespaces"], "pid": PID}} for each in (TRAINER, REFEREE)
    )
    report, own = both
    assert "pid namespace is not the referee's own" in refusal(report, own=own)


def test_with_version_2_of_cgroups_the_trainer_has_a_cgroup_namespace() -> None:
    """Version 1 shares the machine's: so it was captured."""
    version_2 = {**REFEREE["mounts"]["/sys/fs/cgroup"], "type": "cgroup2"}
    own = with_mounts(REFEREE, **{"/sys/fs/cgroup": version_2})
    report = with_mounts(TRAINER, **{"/sys/fs/cgroup": version_2})
    assert report["namespaces"]["cgroup"] == CGROUP
    assert "the trainer has no cgroup namespace to itself" in refusal(report, own=own)
    look({**report, "namespaces": {**report["namespaces"], "cgroup": 4026532900}}, own=own)


@pytest.mark.parametrize(
    ("path", "mount", "said"),
    [
        ("/", {"mode": "rw"}, "the trainer can write to /."),
        (str(DATA), {"mode": "rw"}, f"the trainer can write to {DATA}."),
        ("/results", {}, "the trainer can see /results."),
        ("/data", {}, "the trainer can see /data."),
        ("/run/secrets/key", {}, "the trainer can see /run/secrets/key."),
        ("/nvidia-data", {}, "the trainer can see /nvidia-data."),
        ("/dev/shm2", {}, "the trainer can see /dev/shm2."),
        ("/dev/pts/x", {}, "the trainer can see /dev/pts/x."),
        ("/dev/null", {}, "the trainer can see /dev/null."),
        ("/proc/acpi", {"type": "ext4"}, "the trainer can see /proc/acpi."),
        ("/proc/fs/data", {}, "the trainer can see /proc/fs/data."),
        ("/proc/driver/nvidia", {}, "the trainer can see /proc/driver/nvidia."),
        ("/proc/sys", {"mode": "rw"}, "the trainer can write to /proc/sys."),
        ("/sys", {"mode": "rw"}, "the trainer can write to /sys."),
        ("/sys", {"type": "ext4"}, "the trainer can see /sys."),
        ("/sys/fs/cgroup/memory", {"mode": "rw"}, "the trainer can write to /sys/fs/cgroup/memor"),
        ("/sys/fs/cgroup/data", {}, "the trainer can see /sys/fs/cgroup/data."),
        ("/etc/hosts", {"directory": True}, "the trainer can see /etc/hosts."),
        ("/dev/mqueue", {"type": "ext4"}, "the trainer can write to /dev/mqueue."),
        ("/dev/shm", {"type": "ext4"}, "the trainer's /dev/shm is ext4 instead of tmpfs."),
        ("/dev/shm", {"root": "/data"}, "the trainer's /dev/shm is tmpfs instead of tmpfs."),
        (
            "/dev/shm",
            {"options": "rw"},
            "/dev/shm has 0 bytes with mode 1777 of 0:0 instead of 107",
        ),
        ("/tmp", {"options": "rw,size=8g,mode=700"}, "/tmp has 8589934592 bytes with mode 0700 of"),
        ("/tmp", {"options": "rw,size=4g,mode=777"}, "/tmp has 4294967296 bytes with mode 0777 of"),
        ("/tmp", {"owner": "0:0"}, "/tmp has 4294967296 bytes with mode 0700 of 0:0 instead of "),
        (
            "/exchange",
            {"options": "rw,size=8g,mode=777", "permissions": "0777"},
            "the trainer's /exchange has 8589934592 bytes with mode 0777 of 0:0 instead of ",
        ),
        ("/exchange", {"permissions": "0777"}, "/exchange has mode 0777 instead of 0755."),
        ("/exchange", {"owner": "10001:0"}, "with mode 0755 of 10001:0 instead of "),
        ("/stopwatch/rules", {"type": "ext4"}, "the trainer's /stopwatch/rules is ext4 instead"),
    ],
)
def test_a_mount_that_should_be_another_is_named(
    path: str, mount: dict[str, Any], said: str
) -> None:
    assert said in refusal(with_mount(path, **mount))


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/proc/kcore", {**MOUNTS["/proc/keys"]}),
        ("/proc/scsi", {**MOUNTS["/sys/firmware"]}),
        ("/sys/devices/virtual/powercap", {**MOUNTS["/sys/firmware"]}),
        ("/sys/fs/cgroup/cpu,cpuacct", {**MOUNTS["/sys/fs/cgroup/memory"]}),
        ("/dev/null", {**FILE, "mode": "rw", "type": "devtmpfs", "root": "/null"}),
    ],
)
def test_what_other_engines_and_kernels_arrange_passes(path: str, mount: dict[str, Any]) -> None:
    look(with_mounts(**{path: mount}))


OF_THE_DRIVER: dict[str, dict[str, Any]] = {
    LIBRARY: FILE,
    "/usr/lib64/libnvidia-ml.so.1": FILE,
    "/usr/bin/nvidia-smi": FILE,
    "/lib/firmware/nvidia/550.54.15/gsp_ga10x.bin": FILE,
    "/dev/nvidia0": {**FILE, "type": "devtmpfs"},
    "/dev/nvidia-caps/nvidia-cap1": {**FILE, "type": "devtmpfs"},
    "/run/nvidia-persistenced/socket": {**FILE, "mode": "rw", "type": "tmpfs"},
    "/proc/driver/nvidia": {**MOUNTS["/dev/shm"], "permissions": "0555"},
    "/proc/driver/nvidia/gpus/0000:01:00.0": {**OF_A_DISK, "type": "proc"},
}


@pytest.mark.parametrize("path", OF_THE_DRIVER)
def test_the_drivers_files_may_be_seen_where_the_referee_has_the_same(path: str) -> None:
    """By the toolkit's source; no GPU was there to try it on."""
    report, own = with_mounts(**OF_THE_DRIVER), with_mounts(REFEREE, **OF_THE_DRIVER)
    look(report, own=own)
    does = "write to" if OF_THE_DRIVER[path]["mode"] == "rw" else "see"
    assert f"the trainer can {does} {path}" in refusal(report)


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (LIBRARY, {"directory": True}),
        (LIBRARY, {"mode": "rw"}),
        (LIBRARY, {"root": "/srv/data/labels"}),
        ("/proc/driver/nvidia", {"type": "ext4"}),
        ("/proc/driver/nvidia", {"permissions": "0777"}),
        ("/proc/driver/nvidia/gpus/0000:01:00.0", {"type": "ext4"}),
    ],
)
def test_what_only_looks_like_the_driver_is_named(path: str, changes: dict[str, Any]) -> None:
    report = with_mounts(**{**OF_THE_DRIVER, path: {**OF_THE_DRIVER[path], **changes}})
    own = copy.deepcopy(with_mounts(REFEREE, **OF_THE_DRIVER))
    assert path in refusal(report, own=own)
    if "root" not in changes:  # then both having it changes nothing
        own["mounts"][path] = report["mounts"][path]
        assert path in refusal(report, own=own)


@pytest.mark.parametrize(
    "path",
    ["/usr/lib/libcuda.so.1", "/nvidia-data/libcuda.so.1", "/usr/bin/nvidia", f"{LIBRARY}/x"],
)
def test_a_name_like_the_drivers_elsewhere_is_named(path: str) -> None:
    both = with_mounts(**{path: FILE}), with_mounts(REFEREE, **{path: FILE})
    assert f"the trainer can see {path}." in refusal(both[0], own=both[1])


def test_another_container_than_the_inspected_one_is_named() -> None:
    said = f"the trainer ({TRAINER['hostname']}) is not the one that was inspected"
    assert said in refusal(TRAINER, hostname="0123456789ab")


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"not JSON",
        [],
        {},
        {**TRAINER, "mounts": []},
        {**TRAINER, "process_limit": "many"},
        {**TRAINER, "namespaces": {}},
        {**TRAINER, "mounts": {"/": "ro"}},
    ],
)
def test_a_report_that_cannot_be_read_is_rejected(report: Any) -> None:
    with pytest.raises(TrialError, match="did not say what it can see"):
        look(report)


def test_a_process_of_this_machine_makes_a_report_that_can_be_read() -> None:
    found = surroundings()
    assert "lo" in found["networks"]
    assert found["mounts"]["/"]["mode"] in ("ro", "rw")
    assert found["mounts"]["/"]["directory"]
    assert json.loads(json.dumps(found)) == found
