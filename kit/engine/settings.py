"""What `docker-compose.yml` is told about one trial, as the variables that it names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kit import paths
from kit.engine.access import Access
from kit.errors import UsageError
from kit.planning.request import Execution, TrialPlan, TrialRequest
from kit.rules.ruleset import Ruleset

_LEFT_TO_HOST_BYTES = 2 << 30  # of memory, for the referee and the system
_LEAST_BYTES = 1 << 30


@dataclass(frozen=True)
class Settings:
    """What containers need besides the request of the trial."""

    config: Path
    extras: Path | None = None  # folder of the submission's extra packages
    compose_file: Path = paths.PROJECT / "docker-compose.yml"


@dataclass(frozen=True)
class Images:
    """The images of one trial, by id. The trainer's has the submission's packages added."""

    referee: str
    trainer: str


def device_of(asked: str, ruleset: Ruleset) -> str:
    """Return "cpu" or "gpu": compose profile and image target; `auto` is the ruleset's device."""
    return ruleset.evaluation.device if asked == "auto" else asked


def project_name(plan: TrialPlan) -> str:
    """Return a name that is the same for the same trial, so that left-overs are found again."""
    trial = str(plan.request.results / plan.id.folder).encode()
    return f"stopwatch-{hashlib.sha256(trial).hexdigest()[:12]}"


def request_inside(plan: TrialPlan, memory_limit_bytes: int) -> TrialRequest:
    """Return the request as the referee's container executes it, with the paths of its mounts."""
    request, file = plan.request, plan.ruleset.path
    assert file is not None
    return request.changed(
        ruleset=plan.ruleset.name if plan.ruleset.is_shipped else f"/rulesets/{file.name}",
        submission=Path("/submissions") / request.submission.name,
        results=Path("/results"),
        execution=Execution(isolation="container", memory_limit_bytes=memory_limit_bytes),
    )


def variables(
    plan: TrialPlan, *, images: Images, access: Access, memory_bytes: int
) -> dict[str, str]:
    """Return the variables for compose: the request, and what `docker-compose.yml` mounts.

    Args:
        plan: the trial.
        images: what runs.
        access: the key and the group.
        memory_bytes: of the host.

    Raises:
        UsageError: a path cannot be mounted.
    """
    request, ruleset = plan.request, plan.ruleset
    mounted = (request.submission, request.results, paths.data_root())
    if wrong := [path for path in mounted if ":" in str(path)]:
        raise UsageError(
            f"A container cannot mount {wrong[0]}: the path holds a colon. Rename the folder."
        )
    file = ruleset.path or paths.RULES / f"{ruleset.name}.yaml"
    trainer_bytes = max(_LEAST_BYTES, memory_bytes - _LEFT_TO_HOST_BYTES)
    limit = min(request.execution.memory_limit_bytes or trainer_bytes, trainer_bytes)
    return {
        "TRIAL_REQUEST": request_inside(plan, limit).encode(),
        "WORKLOAD": plan.id.workload,
        "SCALE": ruleset.scale,
        "SUBMISSION": request.submission.name,
        "SUBMISSIONS": str(request.submission.parent),
        "RULESETS": str(file.absolute().parent),
        "STOPWATCH_IMAGE": images.referee,
        "TRAINER_IMAGE": images.trainer,
        "STOPWATCH_DATA": str(paths.data_root()),
        "STOPWATCH_RESULTS": str(request.results),
        "STOPWATCH_KEY": access.key_name,
        "STOPWATCH_KEY_FILE": str(access.key_file),
        "STOPWATCH_GID": str(access.group),
        "INSPECTION_FILE": str(access.inspection_file),
        "TRAINER_MEMORY": f"{limit}b",
        "REFEREE_MEMORY": f"{max(_LEAST_BYTES, memory_bytes - _LEAST_BYTES)}b",
        "EXCHANGE_SIZE": str(memory_bytes // 2),
    }
