"""The policy of `docker-compose.yml`, read as data: what each service may and has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.engine.settings import Images, variables
from kit.planning.plan import plan_trial
from kit.planning.request import open_request
from tests.conftest import COMPOSE_FILE
from tests.engine.test_settings import ACCESS

FILE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
REFEREES, TRAINERS = ("referee", "referee-gpu"), ("trainer", "trainer-gpu")
TRIAL = (*REFEREES, *TRAINERS)
# With what follows the name: `:-` a default, `:?` a refusal.
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(:[-?])?")


def texts(part: object) -> list[str]:
    """Return every text in a part of the file, keys included."""
    if isinstance(part, dict):
        return [text for pair in part.items() for each in pair for text in texts(each)]
    if isinstance(part, list):
        return [text for each in part for text in texts(each)]
    return [part] if isinstance(part, str) else []


def named(part: object) -> dict[str, set[str]]:
    """Return the variables that a part of the file names, each with what may follow it."""
    found: dict[str, set[str]] = {}
    for text in texts(part):
        for name, then in VARIABLE.findall(text):
            found.setdefault(name, set()).add(then)
    return found


def bare(service: dict[str, Any]) -> set[str]:
    """Return the variables that a service takes over from compose's own environment."""
    return {entry for entry in service.get("environment", ()) if "=" not in entry}


def mounts(service: str) -> list[str]:
    return SERVICES[service].get("volumes", [])


def bytes_of(size: str) -> int:
    return int(size[:-1]) << {"k": 10, "m": 20, "g": 30}[size[-1]]


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    request = plan_trial(
        workload="mnist",
        submission="nadamw",
        results=tmp_path / "results",
        config=tmp_path / "config",
    )
    images = Images("sha256:1", "sha256:1")
    plan = open_request(request)
    return variables(plan, images=images, access=ACCESS, memory_bytes=16 << 30)


def test_a_trial_names_no_variable_that_the_kit_does_not_give(given):
    """One that it leaves out could come from the user's shell, or from a file `.env`."""
    services = [SERVICES[name] for name in TRIAL]
    wanted = named([*services, FILE["volumes"], FILE["secrets"]["signing_key"]]).keys()
    wanted |= named(FILE["secrets"]["inspection"]).keys()
    wanted |= {name for service in TRIAL for name in bare(SERVICES[service])}
    assert len(wanted) > 12
    assert wanted <= given.keys()


def test_the_kit_gives_no_variable_that_the_file_does_not_name(given):
    wanted = named([SERVICES, FILE["volumes"], FILE["secrets"]]).keys()
    wanted |= {name for service in SERVICES.values() for name in bare(service)}
    assert given.keys() <= wanted


def test_only_images_must_be_said_and_all_else_has_a_default():
    follows = named([SERVICES, FILE["volumes"], FILE["secrets"]])
    # Named once more where the image is recorded, and there after the refusal.
    assert {name for name, then in follows.items() if ":?" in then} == {
        "STOPWATCH_IMAGE", "TRAINER_IMAGE",
    }  # fmt: skip
    assert {name for name, then in follows.items() if not then & {":-", ":?"}} == set()


@pytest.mark.parametrize("service", TRIAL)
def test_a_trial_never_runs_whatever_image_has_a_name(service):
    variable = "STOPWATCH_IMAGE" if service in REFEREES else "TRAINER_IMAGE"
    assert SERVICES[service]["image"].startswith(f"${{{variable}:?")


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_shut_in(service):
    policy = SERVICES[service]
    assert policy["cap_drop"] == ["ALL"]
    assert policy["security_opt"] == ["no-new-privileges:true"]
    assert policy["read_only"] is True
    assert policy["restart"] == "no"
    assert 0 < policy["pids_limit"] <= 4096
    assert policy["logging"] == {"driver": "json-file", "options": {"max-size": "20m"}}
    assert "profiles" in policy, "a plain `up` would start it"
    assert not policy.keys() & {
        "build", "cgroup_parent", "devices", "env_file", "extra_hosts", "ipc", "links", "networks",
        "ports", "privileged", "sysctls", "userns_mode", "volumes_from",
    }  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_memory_limit(service):
    limit = SERVICES[service]["mem_limit"]
    default = re.fullmatch(r"\$\{[A-Z_]+:-(\w+)\}", limit)
    assert bytes_of(default[1] if default else limit) <= 8 << 30


def test_only_what_uploads_has_a_network():
    networks = {name: service["network_mode"] for name, service in SERVICES.items()}
    assert networks.pop("upload") == "bridge"
    assert set(networks.values()) == {"none"}
    assert "networks" not in FILE


def test_only_a_referee_has_a_capability_and_it_is_to_kill():
    added = {name: service.get("cap_add", []) for name, service in SERVICES.items()}
    assert {name for name, capabilities in added.items() if capabilities} == set(REFEREES)
    assert all(added[name] == ["KILL"] for name in REFEREES)


def test_only_a_referee_is_root():
    users = {name: service["user"] for name, service in SERVICES.items()}
    assert {name for name, user in users.items() if user != "10001:10001"} == set(REFEREES)
    assert {users[name] for name in REFEREES} == {"0:0"}
    assert {name for name in SERVICES if "group_add" in SERVICES[name]} == set(REFEREES)


def test_only_a_referee_has_the_signing_key_and_only_the_upload_that_of_wandb():
    secrets = {name: texts(service.get("secrets", [])) for name, service in SERVICES.items()}
    assert {name for name, held in secrets.items() if "signing_key" in held} == set(REFEREES)
    assert {name for name, held in secrets.items() if "wandb_key" in held} == {"upload"}
    key = {name for name, service in SERVICES.items() if "STOPWATCH_KEY_FILE" in str(service)}
    assert key == set(REFEREES)


def test_only_a_referee_reads_the_inspection_and_by_hand_there_is_none():
    holders = {name for name, service in SERVICES.items() if "inspection" in str(service)}
    assert holders == set(REFEREES)
    assert FILE["secrets"]["inspection"]["file"] == "${INSPECTION_FILE:-/dev/null}"


def test_only_a_referee_writes_results():
    holders = {name for name in SERVICES if "/results" in str(mounts(name))}
    assert holders == {*REFEREES, "upload"}
    writers = {n for n in holders if not any(m.endswith(":/results:ro") for m in mounts(n))}
    assert writers == set(REFEREES)


def test_what_a_referee_reads_it_cannot_change():
    for name in REFEREES:
        writable = {mount for mount in mounts(name) if not mount.endswith(":ro")}
        assert writable == {
            "exchange:/exchange", "${STOPWATCH_RESULTS:-./results}:/results",
        }  # fmt: skip


def test_evaluation_data_is_with_the_referee_alone():
    """The tests see the same folder; they run no stranger's code."""
    whole = {name for name in SERVICES if any(":/data:" in mount for mount in mounts(name))}
    assert whole == {*REFEREES, "test"}
    assert all(f"{'${STOPWATCH_DATA:-./data}'}:/data:ro" in mounts(name) for name in whole)


def test_a_trainer_sees_its_training_split_and_the_exchange_and_nothing_else():
    place = "${WORKLOAD:-mnist}/${SCALE:-mini}/train"
    for name in TRAINERS:
        assert mounts(name) == [
            "exchange:/exchange", f"${{STOPWATCH_DATA:-./data}}/{place}:/data/{place}:ro",
        ]  # fmt: skip
        assert not SERVICES[name].keys() & {"secrets", "environment", "cap_add", "group_add"}


def test_a_trainer_writes_to_its_own_tmp_and_the_rulesets_are_hidden_from_it():
    for name in TRAINERS:
        own, hidden = (tmpfs.split(":") for tmpfs in SERVICES[name]["tmpfs"])
        assert own[0] == "/tmp"
        assert {"mode=0700", "uid=10001", "gid=10001"} <= set(own[1].split(","))
        assert hidden[0] == "/stopwatch/rules"
        assert "mode=0555" in hidden[1].split(",")


def test_a_trainer_ends_at_its_memory_and_before_the_referee():
    for name in TRAINERS:
        assert SERVICES[name]["memswap_limit"] == SERVICES[name]["mem_limit"]
        assert SERVICES[name]["oom_score_adj"] == 1000
    assert all("oom_score_adj" not in SERVICES[name] for name in REFEREES)


def test_only_a_trainer_joins_a_pid_namespace_and_it_is_its_referees():
    joined = {name: service["pid"] for name, service in SERVICES.items() if "pid" in service}
    assert joined == {"trainer": "service:referee", "trainer-gpu": "service:referee-gpu"}
    assert all(SERVICES[name]["init"] is True for name in REFEREES)


def test_a_referee_has_time_to_write_its_record():
    assert {SERVICES[name]["stop_grace_period"] for name in REFEREES} == {"2m"}


def test_with_a_gpu_only_the_gpu_is_different():
    for plain, gpu in zip((REFEREES[0], TRAINERS[0]), (REFEREES[1], TRAINERS[1]), strict=True):
        own = {"profiles", "deploy", "pid"}
        assert {k: v for k, v in SERVICES[plain].items() if k not in own} == {
            k: v for k, v in SERVICES[gpu].items() if k not in own
        }
        assert (SERVICES[plain]["profiles"], SERVICES[gpu]["profiles"]) == (["cpu"], ["gpu"])
    assert {name for name in SERVICES if "deploy" in SERVICES[name]} == {
        "referee-gpu",
        "trainer-gpu",
    }


def test_the_exchange_is_memory_from_which_nothing_is_executed():
    assert FILE["volumes"].keys() == {"exchange"}
    options = FILE["volumes"]["exchange"]["driver_opts"]
    assert (options["type"], options["device"]) == ("tmpfs", "tmpfs")
    assert {"mode=0755", "nosuid", "nodev", "noexec"} <= set(options["o"].split(","))
    users = {name for name in SERVICES if "exchange:/exchange" in mounts(name)}
    assert users == set(TRIAL)
