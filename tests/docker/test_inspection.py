"""What compose and the engine make of loosened files: each is named, and none of them runs.

One project holds all of them: next to the trial's two services, one more for each way to loosen a
service, created and never started.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kit import paths
from kit.data import evaluation_folder
from kit.engine.access import granted
from kit.engine.compose import Compose
from kit.engine.inspection import SERVICE_LABEL, containers, differences, reference
from kit.engine.settings import Images, variables
from kit.planning.plan import plan_trial
from kit.planning.request import open_request
from kit.referee import policy
from tests.conftest import COMPOSE_FILE

pytestmark = pytest.mark.docker

FILE = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
TRAINER, REFEREE = FILE["services"]["trainer"], FILE["services"]["referee"]
PROJECT = "stopwatch-loosened"
EVALUATION = str(evaluation_folder("mnist", "mini"))


def also(key: str, *entries: str, of: dict[str, Any] = TRAINER) -> dict[str, Any]:
    return {key: [*of.get(key, ()), *entries]}


def seen_at(path: str) -> dict[str, Any]:
    return also("volumes", f"{EVALUATION}:{path}:ro")


LOOSENED_TRAINER: dict[str, tuple[dict[str, Any], str]] = {
    "ipc": ({"ipc": "host"}, "HostConfig.IpcMode is host instead of private"),
    "devices": ({"devices": ["/dev/null:/dev/nvidia0"]}, "HostConfig.Devices has "),
    "device-rules": (
        {"device_cgroup_rules": ["c 1:1 rwm"]},
        "HostConfig.DeviceCgroupRules has c 1:1 rwm",
    ),
    "nvidia-data": (seen_at("/nvidia-data"), f"mount at /nvidia-data has bind {EVALUATION} "),
    "shm2": (seen_at("/dev/shm2"), f"mount at /dev/shm2 has bind {EVALUATION} "),
    "data-in-proc": (seen_at("/proc/driver/nvidia/x"), "mount at /proc/driver/nvidia/x has bind "),
    "data-as-library": (seen_at("/usr/lib/libcuda.so.1"), "mount at /usr/lib/libcuda.so.1 has "),
    "data-written": (
        {"volumes": [volume.removesuffix(":ro") for volume in TRAINER["volumes"]]},
        "train rprivate read-write instead of ",
    ),
    "volume": (also("volumes", "exchange:/again"), "mount at /again has volume "),
    "volumes-from": ({"volumes_from": ["referee"]}, "HostConfig.VolumesFrom has "),
    "secret": ({"secrets": ["signing_key"]}, "mount at /run/secrets/signing_key has bind "),
    "larger-tmpfs": (
        {"tmpfs": [each.replace("size=4g", "size=400g") for each in TRAINER["tmpfs"]]},
        "HostConfig.Tmpfs /tmp is mode=0700,uid=10001,gid=10001,size=400g instead of ",
    ),
    "more-tmpfs": (also("tmpfs", "/more"), 'HostConfig.Tmpfs /more has ""'),
    "rules-seen": ({"tmpfs": TRAINER["tmpfs"][:1]}, "HostConfig.Tmpfs /stopwatch/rules lacks "),
    "shm-size": ({"shm_size": "2g"}, "HostConfig.ShmSize is 2147483648 instead of 1073741824"),
    "capability": ({"cap_add": ["SYS_PTRACE"]}, "HostConfig.CapAdd has "),
    "capabilities": ({"cap_drop": []}, "HostConfig.CapDrop lacks ALL"),
    "privileged": ({"privileged": True}, "HostConfig.Privileged has true"),
    "root": ({"user": "0:0"}, "Config.User is 0:0 instead of 10001:10001"),
    "user": ({"user": "10001:20002"}, "Config.User is 10001:20002 instead of 10001:10001"),
    "group": ({"group_add": ["0"]}, "HostConfig.GroupAdd has 0"),
    "pid-host": ({"pid": "host"}, "HostConfig.PidMode is host instead of container:"),
    "pid-own": ({"pid": ""}, "HostConfig.PidMode lacks container:"),
    "userns": ({"userns_mode": "host"}, "HostConfig.UsernsMode has host"),
    "privileges": ({"security_opt": []}, "HostConfig.SecurityOpt lacks no-new-privileges:true"),
    "seccomp": (
        also("security_opt", "seccomp:unconfined"),
        "HostConfig.SecurityOpt has seccomp:unconfined",
    ),
    "apparmor": (
        also("security_opt", "apparmor:unconfined"),
        "HostConfig.SecurityOpt has apparmor:unconfined",
    ),
    "sysctl": (
        {"sysctls": {"kernel.shm_rmid_forced": "1"}},
        "HostConfig.Sysctls kernel.shm_rmid_forced has 1",
    ),
    "hosts": ({"extra_hosts": ["there:10.0.0.1"]}, "HostConfig.ExtraHosts has there:10.0.0.1"),
    "dns": ({"dns": ["10.0.0.1"]}, "HostConfig.Dns has 10.0.0.1"),
    "network": ({"network_mode": "host"}, "HostConfig.NetworkMode is host instead of none"),
    "network-of": (
        {"network_mode": "service:referee"},
        "HostConfig.NetworkMode is container:",
    ),
    "cgroup-parent": ({"cgroup_parent": "/else"}, "HostConfig.CgroupParent has /else"),
    "runtime": (
        {"runtime": "io.containerd.runc.v2"},
        "HostConfig.Runtime is io.containerd.runc.v2 instead of runc",
    ),
    "oom-kill": ({"oom_kill_disable": True}, "HostConfig.OomKillDisable has true"),
    "oom-score": ({"oom_score_adj": -500}, "HostConfig.OomScoreAdj is -500 instead of 1000"),
    "memory": (
        {"mem_limit": "512g", "memswap_limit": "512g"},
        "HostConfig.Memory is 549755813888 instead of ",
    ),
    "swap": ({"memswap_limit": -1}, "HostConfig.MemorySwap is -1 instead of "),
    "processes": ({"pids_limit": -1}, "HostConfig.PidsLimit lacks 2048"),
    "core": ({"ulimits": {"core": -1}}, 'HostConfig.Ulimits is {"Hard": -1, "Name": "core", "S'),
    "processors": ({"cpu_shares": 4096}, "HostConfig.CpuShares has 4096"),
    "environment": ({"environment": ["LD_PRELOAD=/tmp/x"]}, "Config.Env has LD_PRELOAD=/tmp/x"),
    "path": ({"environment": ["PATH=/tmp"]}, "Config.Env is PATH=/tmp instead of PATH=/opt/"),
    "command": ({"command": ["sleep", "9"]}, 'Config.Cmd is ["sleep", "9"] instead of '),
    "entrypoint": ({"entrypoint": ["/tmp/x"]}, 'Config.Entrypoint has ["/tmp/x"]'),
    "image": ({"image": "stopwatch-other:latest"}, "Config.Image is stopwatch-other:latest instea"),
    "folder": ({"working_dir": "/tmp"}, "Config.WorkingDir is /tmp instead of /stopwatch"),
    "hostname": ({"hostname": "referee"}, "Config.Hostname has referee"),
    "written-root": ({"read_only": False}, "HostConfig.ReadonlyRootfs lacks true"),
    "restart": ({"restart": "always"}, "HostConfig.RestartPolicy Name is always instead of no"),
    "health": ({"healthcheck": {"test": ["CMD", "/tmp/x"]}}, "Config.Healthcheck Test has "),
    "init": ({"init": True}, "HostConfig.Init has true"),
    "terminal": ({"tty": True}, "Config.Tty has true"),
    "log": ({"logging": {"driver": "none"}}, "HostConfig.LogConfig "),
}
LOOSENED_REFEREE: dict[str, tuple[dict[str, Any], str]] = {
    "referee-capability": ({"cap_add": ["KILL", "SYS_TIME"]}, "HostConfig.CapAdd has "),
    "referee-first": ({"init": False}, "HostConfig.Init lacks true"),
    "referee-data": (
        {"volumes": [volume.replace(":/data:ro", ":/data") for volume in REFEREE["volumes"]]},
        "mount at /data is bind ",
    ),
    "referee-environment": (
        also("environment", "TF_CPP_X=1", of=REFEREE),
        "Config.Env has TF_CPP_X=1",
    ),
    "referee-results": (
        {"volumes": [*REFEREE["volumes"], f"{paths.RULES}:/keys"]},
        f"mount at /keys has bind {paths.RULES} rprivate read-write",
    ),
    "referee-gpus": (
        {"deploy": FILE["services"]["referee-gpu"]["deploy"]},
        'HostConfig.DeviceRequests has {"Capabilities": [["gpu"]], "Count": -1, ',
    ),
    "referee-grace": ({"stop_grace_period": "1s"}, "Config.StopTimeout is 1 instead of 120"),
}


@pytest.fixture(scope="module")
def compared(
    engine: Any, image: str, mnist_data: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, list[str]]]:
    """Return service -> how the engine's account of it differs from the committed file."""
    folder = tmp_path_factory.mktemp("loosened")
    services = {
        **FILE["services"],
        **{name: {**TRAINER, **change} for name, (change, _) in LOOSENED_TRAINER.items()},
        **{name: {**REFEREE, **change} for name, (change, _) in LOOSENED_REFEREE.items()},
    }
    file = folder / "docker-compose.yml"
    file.write_text(yaml.safe_dump({**FILE, "services": services}))
    places = {"results": folder / "results", "config": folder / "config"}
    plan = open_request(plan_trial(workload="mnist", submission="nadamw", **places))
    with contextlib.ExitStack() as stack:
        other = engine.containers.create(image, ["true"])
        other.commit(repository="stopwatch-other", tag="latest")
        stack.callback(engine.images.remove, "stopwatch-other:latest")
        other.remove()
        access = stack.enter_context(granted(engine, **places))
        told = variables(
            plan,
            images=Images(image, image),
            access=access,
            memory_bytes=8 << 30,
        )
        compose = Compose(PROJECT, profile="cpu", variables=told, file=file)
        compose.down()
        stack.callback(compose.down)
        stack.callback(
            lambda: [each.kill() for each in engine.containers.list() if PROJECT in each.name]
        )
        for arguments in (["--detach", "referee"], ["--no-start"], ["--no-start", "referee-gpu"]):
            status, output = compose._run("up", "--no-build", *arguments)
            assert status == 0, output
        made = {each.labels[SERVICE_LABEL]: each.attrs for each in containers(engine, PROJECT)}
        content, referee_id = policy.rendered(told), made["referee"]["Id"]
        wanted = {
            name: reference(engine, PROJECT, name, content, referee_id=referee_id)
            for name in ("referee", "referee-gpu", "trainer")
        }
        as_committed = {**dict.fromkeys(LOOSENED_REFEREE, "referee"), "referee": "referee"}
        as_committed |= {"referee-gpu": "referee-gpu"}
        yield {
            name: list(differences(shown, wanted[as_committed.get(name, "trainer")]))
            for name, shown in made.items()
        }


def test_the_committed_file_gives_what_it_says(compared: dict[str, list[str]]) -> None:
    assert compared["referee"] == compared["referee-gpu"] == compared["trainer"] == []


@pytest.mark.parametrize("name", [*LOOSENED_TRAINER, *LOOSENED_REFEREE])
def test_what_is_loosened_is_named(compared: dict[str, list[str]], name: str) -> None:
    _, said = {**LOOSENED_TRAINER, **LOOSENED_REFEREE}[name]
    assert any(said in text for text in compared[name]), compared[name]
    assert all("\n" not in text and len(text) < 1000 for text in compared[name])
