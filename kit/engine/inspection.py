"""Whether the engine made the two containers of a trial as the committed `docker-compose.yml` says.

Next to each container a second one is created from the committed file, through the engine alone,
and never started. What the engine shows of the two must be equal in every field that is not a mere
name or state, so that fields of newer engines are compared too, without a list of defaults.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kit import paths
from kit.errors import TrialError
from kit.referee import policy
from kit.referee.walls import refuse

if TYPE_CHECKING:
    import docker

ROLES = ("referee", "trainer")
_COMPOSE_LABELS = "com.docker.compose."
PROJECT_LABEL, SERVICE_LABEL = f"{_COMPOSE_LABELS}project", f"{_COMPOSE_LABELS}service"
_SECCOMP = ("seccomp=", "seccomp:")
# Keys of compose that the engine's API has under the same name …
_SAME = {
    "cap_add", "cap_drop", "group_add", "init", "mem_limit", "memswap_limit", "network_mode",
    "oom_score_adj", "pids_limit", "read_only", "shm_size",
}  # fmt: skip
_TRANSLATED = {  # … and those that `_create` translates; `profiles` is compose's alone
    "command", "deploy", "environment", "image", "logging", "pid", "profiles", "restart", "secrets",
    "security_opt", "stop_grace_period", "tmpfs", "ulimits", "user", "volumes",
}  # fmt: skip
# Names, places and states of one container.
_NOT_COMPARED = {
    "AppArmorProfile", "Created", "GraphDriver", "HostnamePath", "HostsPath", "Id", "LogPath",
    "MountLabel", "Name", "ProcessLabel", "ResolvConfPath", "State", "Storage",
}  # fmt: skip
# Where compose writes a request; what became of it is in Mounts, and who listens changes nothing.
_REQUESTS = {"AttachStderr", "AttachStdin", "AttachStdout", "Binds", "Mounts", "Volumes"}
_MOUNT_REQUEST = {"Consistency", "ReadOnly", "Source", "Target", "Type"}
_SHOWN = 100


def inspect(
    client: docker.DockerClient, project: str, *, gpu: bool, variables: Mapping[str, str]
) -> dict[str, str]:
    """Return evidence for the referee that its container and the trainer's are as committed.

    Args:
        client: of the engine.
        project: the name that compose gave the containers.
        gpu: whether they are those of the profile `gpu`.
        variables: what the file was rendered with.

    Raises:
        TrialError: they are not; the message names each difference.
    """
    content = policy.rendered(variables)
    names = {role: f"{role}-gpu" if gpu else role for role in ROLES}
    made = {c.labels.get(SERVICE_LABEL, ""): c for c in containers(client, project)}
    if made.keys() != set(names.values()):
        refuse({f"it starts {_listed(made)} instead of {_listed(names.values())}": True})
    referee, trainer = (made[names[role]].attrs for role in ROLES)
    found = list(_exchange_differences(client, project, content))
    for role, attributes in zip(ROLES, (referee, trainer), strict=True):
        wanted = reference(client, project, names[role], content, referee_id=referee["Id"])
        found += (f"the {role}'s {text}" for text in differences(attributes, wanted))
    refuse(dict.fromkeys(found, True))
    return {
        "engine": str(client.version()["Version"]),
        "compose": str(referee["Config"]["Labels"].get(f"{_COMPOSE_LABELS}version")),
        "policy_sha256": policy.digest(),
        "referee": referee["Id"],
        "trainer": trainer["Id"],
    }


def containers(client: docker.DockerClient, project: str) -> list[Any]:
    """Return the containers of a compose project, running or not."""
    return list(client.containers.list(all=True, filters={"label": f"{PROJECT_LABEL}={project}"}))


def reference(
    client: docker.DockerClient,
    project: str,
    service: str,
    content: Mapping[str, Any],
    *,
    referee_id: str,
) -> dict[str, Any]:
    """Return what the engine shows of a container that is created as the committed file says."""
    api, options = client.api, content["services"][service]
    if unknown := options.keys() - _SAME - _TRANSLATED:
        raise TrialError(f"kit.engine.inspection cannot compare {_listed(unknown)}. Add it there.")
    mounts = [_bind(volume, project) for volume in options.get("volumes", ())]
    for secret in options.get("secrets", ()):
        file = content["secrets"][secret["source"]]["file"]
        mounts.append(f"{file}:/run/secrets/{secret['target']}:ro")
    reservations = options.get("deploy", {}).get("resources", {}).get("reservations", {})
    host_config = api.create_host_config(
        **{key: value for key, value in options.items() if key in _SAME},
        binds=mounts,
        device_requests=[
            {"Driver": d["driver"], "Count": -1, "Capabilities": [d["capabilities"]]}
            for d in reservations.get("devices", ())
        ],
        log_config={
            "type": options["logging"]["driver"],
            "config": options["logging"]["options"],
        },
        pid_mode=f"container:{referee_id}" if "pid" in options else None,
        restart_policy={"Name": options["restart"]},
        security_opt=[_security_option(each) for each in options["security_opt"]],
        tmpfs=dict(entry.split(":", 1) for entry in options["tmpfs"]),
        ulimits=[{"Name": n, "Soft": v, "Hard": v} for n, v in options["ulimits"].items()],
    )
    created = api.create_container(
        options["image"],
        options["command"],
        detach=True,
        user=options["user"],
        environment=options["environment"],
        host_config=host_config,
        labels={PROJECT_LABEL: project, f"{_COMPOSE_LABELS}oneoff": "False"},
        stop_timeout=_seconds(options.get("stop_grace_period")),
    )
    try:
        attributes: dict[str, Any] = api.inspect_container(created["Id"])
        return attributes
    finally:
        api.remove_container(created["Id"], force=True)


def differences(attributes: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words where a container differs from the one that is wanted; names them all."""
    found, expected = set(_facts(attributes)), set(_facts(wanted))
    for name in sorted({name for name, _ in found ^ expected}):
        more = [text for at, text in found - expected if at == name]
        less = [text for at, text in expected - found if at == name]
        if more and less:
            yield f"{name} is {_listed(more)} instead of {_listed(less)}"
        else:
            yield f"{name} has {_listed(more)}" if more else f"{name} lacks {_listed(less)}"


def _exchange_differences(
    client: docker.DockerClient, project: str, content: Mapping[str, Any]
) -> Iterator[str]:
    volume = client.volumes.get(f"{project}_{policy.EXCHANGE}").attrs
    options = content["volumes"][policy.EXCHANGE]["driver_opts"]
    wanted = {"Driver": "local", "Options": options, "Scope": "local"}
    found = {name: volume.get(name) for name in wanted}
    yield from (f"the exchange's {text}" for text in differences(found, wanted))


def _facts(shown: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything that the engine shows, as pairs of a field's name and a text.

    A field that is empty, zero or false is the same as one that is absent.
    """
    for mount in shown.get("Mounts") or ():
        access = "read-write" if mount.get("RW") else "read-only"
        words = (mount.get(key) for key in ("Type", "Name", "Source", "Driver", "Propagation"))
        yield f"mount at {mount['Destination']}", " ".join([*filter(None, words), access])
    for network in (shown.get("NetworkSettings") or {}).get("Networks") or ():
        yield "network", network
    for name, value in shown.items():
        if name in ("HostConfig", "Config"):
            for inner, part in _inner_fields(shown, value).items():
                yield from _pairs(f"{name}.{inner}", part)
        elif name not in _NOT_COMPARED | {"Mounts", "NetworkSettings"}:
            yield from _pairs(name, value)


def _inner_fields(shown: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return HostConfig or Config without names, and without requests that Mounts answers."""
    kept = {name: value for name, value in fields.items() if name not in _REQUESTS}
    if "Hostname" in kept and kept["Hostname"] == str(shown["Id"])[:12]:
        del kept["Hostname"]
    if "Labels" in kept:
        labels = (kept["Labels"] or {}).items()
        kept["Labels"] = {k: v for k, v in labels if not k.startswith(_COMPOSE_LABELS)}
    kept["SecurityOpt"] = [_same_profile(each) for each in kept.get("SecurityOpt") or ()]
    kept["MountOptions"] = {
        mount["Target"]: text for mount in fields.get("Mounts") or () if (text := _options(mount))
    }
    return kept


def _pairs(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield a pair for each part of a field; order counts only where it is a command line."""
    if not value:
        return
    if isinstance(value, dict):
        yield from ((f"{name} {key}", _text(part)) for key, part in value.items())
    elif isinstance(value, list) and name not in ("Args", "Config.Cmd", "Config.Entrypoint"):
        yield from ((name, _text(part)) for part in value)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = {key: part for key, part in value.items() if part}
    return value if isinstance(value, str) and value else json.dumps(value, sort_keys=True)


def _options(mount: Mapping[str, Any]) -> str:
    """Return what a mount asks for beyond what Mounts shows, as text."""
    asked = {key: {**value} for key, value in mount.items() if value and key not in _MOUNT_REQUEST}
    for options in asked.values():
        options.pop("CreateMountpoint", None)  # of the host's folder, which is there
    return json.dumps(asked, sort_keys=True) if any(asked.values()) else ""


def _same_profile(option: str) -> str:
    """Return a security option, with the profile in it written in one way."""
    if not option.startswith(_SECCOMP) or not option.endswith("}"):
        return option
    return f"seccomp={json.dumps(json.loads(option[len(_SECCOMP[0]) :]), sort_keys=True)}"


def _security_option(option: str) -> str:
    """Return an option as the engine takes it: compose sends a profile's content for its path."""
    path = paths.PROJECT / option[len(_SECCOMP[0]) :]
    if not option.startswith(_SECCOMP) or option.endswith("unconfined"):
        return option
    return f"seccomp={path.read_text(encoding='utf-8').strip()}"


def _bind(volume: str, project: str) -> str:
    return volume if volume.startswith("/") else f"{project}_{volume}"


def _seconds(period: str | None) -> int | None:
    """Return a period as the file writes it, whole minutes or seconds, as the engine takes it."""
    return int(period[:-1]) * {"m": 60, "s": 1}[period[-1]] if period else None


def _listed(texts: Iterable[str]) -> str:
    shown = sorted(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…" for text in texts)
    return ", ".join(shown)
