"""One trial in containers: image, access, compose, and what the referee reports from inside."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kit.engine.access import granted
from kit.engine.client import connect
from kit.engine.compose import Compose, compose_command
from kit.engine.derived_image import derive_image
from kit.engine.follow import Follower
from kit.engine.image import describe, mismatches, tag
from kit.engine.inspection import SERVICE_LABEL, containers, inspect
from kit.engine.settings import Images, Settings, device_of, project_name, variables
from kit.errors import KitError, NotAvailable, TrialError, UsageError
from kit.planning.request import TrialPlan
from kit.records.verify import verify_record
from kit.referee.events import Observer, Outcome
from kit.referee.signals import Signals
from kit.text import escape_line

if TYPE_CHECKING:
    import docker

_WRONG_REQUEST = 2  # the exit status of a usage error


def run_in_containers(plan: TrialPlan, settings: Settings, *, observer: Observer) -> Outcome:
    """Run one trial as `docker-compose.yml` says and return what its record says.

    The record is verified on this side before it is believed.

    Raises:
        KitError: the trial could not be started or recorded. What the trainer does wrong is no
            error here but the state of the record.
    """
    compose_command()
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(contextlib.closing(connect()))
        device = device_of(plan.request.execution.device, plan.ruleset)
        host = client.info()
        if device == "gpu":
            _check_gpu_runtime(host)
        images = _images(client, device, settings)
        access = stack.enter_context(
            granted(client, config=settings.config, results=plan.request.results)
        )
        told = variables(plan, images=images, access=access, memory_bytes=int(host["MemTotal"]))
        project = project_name(plan)
        compose = Compose(project, profile=device, variables=told, file=settings.compose_file)
        _clear(client, compose, observer)
        signals = stack.enter_context(Signals())
        stack.callback(_tidy, compose, observer)
        compose.up()
        evidence = _inspected(client, project, gpu=device == "gpu", variables=told)
        access.inspection_file.write_text(f"{json.dumps(evidence)}\n")  # the referee waits for it
        follower = _followed(client, project, plan, observer, signals)
        return _outcome(settings, follower)


def _images(client: docker.DockerClient, device: str, settings: Settings) -> Images:
    """Return the images to run, checked against this checkout."""
    facts = describe(tag(device))
    if wrong := mismatches(facts):
        raise UsageError(
            f"Image {tag(device)} does not match: {'; '.join(wrong)}. Build it again: make image "
            f"TARGET={device}"
        )
    if settings.extras is None:
        return Images(facts.id, facts.id)
    return Images(facts.id, derive_image(client, facts.id, settings.extras))


def _check_gpu_runtime(host: dict[str, Any]) -> None:
    if "nvidia" not in host.get("Runtimes", {}):
        raise NotAvailable(
            "The engine has no GPU runtime, and this trial needs a GPU. Install the NVIDIA "
            "container toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker. Or "
            "choose --device cpu."
        )


def _clear(client: docker.DockerClient, compose: Compose, observer: Observer) -> None:
    """Remove what an earlier run of the same trial left; refuse while it still runs."""
    left = containers(client, compose.project)
    running = [container.name for container in left if container.status == "running"]
    if referees := [name for name in running if "referee" in name]:
        raise TrialError(
            f"This trial is already running in containers ({', '.join(sorted(running))}). Wait for "
            f"it, or end it; it still writes its record: docker kill --signal INT {referees[0]}"
        )
    if left:
        observer.note("removing containers that an earlier run of this trial left")
    compose.down()


def _inspected(
    client: docker.DockerClient, project: str, *, gpu: bool, variables: Mapping[str, str]
) -> dict[str, str]:
    """Return the evidence that the containers are as committed; kill them if they are not."""
    from docker.errors import DockerException

    try:
        return inspect(client, project, gpu=gpu, variables=variables)
    except (KitError, DockerException) as error:
        for container in containers(client, project):
            with contextlib.suppress(DockerException):  # it has ended meanwhile
                container.kill()
        if isinstance(error, KitError):
            raise
        reason = " ".join(str(error).split())
        raise TrialError(
            f"The engine did not show what it started: {reason}. Repeat the trial."
        ) from None


def _tidy(compose: Compose, observer: Observer) -> None:
    """Remove the containers; where that fails, the trial's result is still to be told."""
    try:
        compose.down()
    except TrialError as error:
        observer.note(str(error))


def _followed(
    client: docker.DockerClient,
    project: str,
    plan: TrialPlan,
    observer: Observer,
    signals: Signals,
) -> Follower:
    """Show what the referee reports until it ends; hand signals on to it."""
    from docker.errors import DockerException

    referee = _service(client, project, "referee")
    follower = Follower(plan, observer)
    passed_on = 0

    def hand_on_signals() -> None:
        nonlocal passed_on
        name = signals.received()
        if name and signals.count > passed_on:
            passed_on = signals.count
            with contextlib.suppress(DockerException):  # it has ended meanwhile
                referee.kill(name if passed_on == 1 else "SIGKILL")
            observer.note(
                f"{name}: the referee writes its record and ends"
                if passed_on == 1
                else "ended at once; the next run of this trial notes the interruption"
            )

    follower.follow(referee.logs(stream=True, follow=True), meanwhile=hand_on_signals)
    status = int(referee.wait()["StatusCode"])
    if follower.folder is None:
        referee.reload()
        raise _failure(follower, status, referee.attrs["State"], client, project)
    return follower


def _service(client: docker.DockerClient, project: str, role: str) -> Any:
    for container in containers(client, project):
        if container.labels.get(SERVICE_LABEL, "").split("-")[0] == role:
            return container
    raise TrialError(f"Compose started no {role}. Restore docker-compose.yml: git checkout it.")


def _failure(
    follower: Follower, status: int, state: dict[str, Any], client: Any, project: str
) -> KitError:
    """Return why a referee ended without a record."""
    errors = [line for line in follower.said if line.startswith("Error: ")]
    if errors:
        kind = UsageError if status == _WRONG_REQUEST else TrialError
        return kind(errors[-1].removeprefix("Error: "))
    if state.get("OOMKilled"):
        return TrialError(
            "The referee's container was killed: it went beyond its memory limit. Free memory on "
            "this machine, then repeat."
        )
    from docker.errors import DockerException

    said = follower.said[-1].strip() if follower.said else ""
    with contextlib.suppress(KitError, DockerException):  # it may be gone already
        trainer = _service(client, project, "trainer").logs(tail=1).decode(errors="replace").strip()
        said = said or trainer
    return TrialError(
        f"The referee's container ended with status {status} and left no record."
        + (f" It said: {escape_line(said[:300])}" if said else "")
    )


def _outcome(settings: Settings, follower: Follower) -> Outcome:
    """Read and verify the record on this side."""
    from kit.records.signing import load_or_create_key

    assert follower.folder is not None
    key = load_or_create_key(settings.config)
    report = verify_record(follower.folder, trusted=[key.public])
    if report.record is None or not report.ok:
        problems = "; ".join(finding.sentence for finding in report.problems)
        raise TrialError(f"The record {follower.folder} does not verify: {problems}")
    return Outcome(
        record=report.record,
        evaluations=report.evaluations,
        folder=follower.folder,
        verdict_code=report.verdict_code or "",
        key_name=key.name,
        attested=True,
    )
