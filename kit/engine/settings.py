"""What `docker-compose.yml` is told about one trial, as the variables that it names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from kit import paths
from kit.engine.access import Access
from kit.errors import UsageError
from kit.rules.plan import TrialPlan

_LEFT_TO_HOST_BYTES = 2 << 30  # of memory, for the referee and the system
_LEAST_BYTES = 1 << 30


@dataclass(frozen=True)
class Settings:
    """How a trial is run in containers; what is run is in its plan."""

    results: Path
    config: Path
    seed: int | None = None  # given by hand
    quick: bool = False
    device: str = "auto"  # "cpu", "gpu"; auto: what the ruleset evaluates on
    extras: Path | None = None  # folder of the submission's extra packages
    build: bool = False  # build the image first; without it, a missing one is an error
    memory_limit_bytes: int | None = None
    compose_file: Path = paths.PROJECT / "docker-compose.yml"


@dataclass(frozen=True)
class Images:
    """The images of one trial, by id. The trainer's has the submission's packages added."""

    referee: str
    trainer: str


def device_of(settings: Settings, plan: TrialPlan) -> str:
    """Return "cpu" or "gpu": the compose profile and the image's target."""
    return plan.ruleset.evaluation.device if settings.device == "auto" else settings.device


def project_name(plan: TrialPlan, results: Path) -> str:
    """Return a name that is the same for the same trial, so that left-overs are found again."""
    trial = str(results / plan.id.folder).encode()
    return f"stopwatch-{hashlib.sha256(trial).hexdigest()[:12]}"


def variables(
    plan: TrialPlan, settings: Settings, *, images: Images, access: Access, memory_bytes: int
) -> dict[str, str]:
    """Return the variables for compose.

    Args:
        plan: the trial.
        settings: where its files are.
        images: what runs.
        access: the key and the group.
        memory_bytes: of the host.

    Raises:
        UsageError: a path cannot be mounted.
    """
    ruleset = plan.ruleset
    mounted = (plan.submission.folder.absolute(), settings.results, paths.data_root())
    if wrong := [path for path in mounted if ":" in str(path)]:
        raise UsageError(
            f"A container cannot mount {wrong[0]}: the path holds a colon. Rename the folder."
        )
    file = ruleset.path or paths.RULES / f"{ruleset.name}.yaml"
    trainer_bytes = max(_LEAST_BYTES, memory_bytes - _LEFT_TO_HOST_BYTES)
    return {
        "WORKLOAD": plan.workload,
        "SCALE": ruleset.scale,
        "VARIANT": plan.variant or "",
        "SUBMISSION": plan.submission.folder.name,
        "SUBMISSIONS": str(plan.submission.folder.absolute().parent),
        "RULESET": file.stem if ruleset.is_shipped else f"/rulesets/{file.name}",
        "RULESETS": str(file.absolute().parent),
        "STUDY": str(plan.study),
        "TRIAL": str(plan.trial),
        "SEED": "" if settings.seed is None else str(settings.seed),
        "QUICK": "1" if settings.quick else "",
        "STEPS": ",".join(map(str, plan.evaluate_at_steps)),
        "STOP": "" if plan.stop is None else json.dumps(asdict(plan.stop)),
        "JSON": "1",
        "STOPWATCH_IMAGE": images.referee,
        "TRAINER_IMAGE": images.trainer,
        "STOPWATCH_DATA": str(paths.data_root()),
        "STOPWATCH_RESULTS": str(settings.results),
        "STOPWATCH_KEY": access.key_name,
        "STOPWATCH_KEY_FILE": str(access.key_file),
        "STOPWATCH_GID": str(access.group),
        "INSPECTION_FILE": str(access.inspection_file),
        "TRAINER_MEMORY": f"{min(settings.memory_limit_bytes or trainer_bytes, trainer_bytes)}b",
        "REFEREE_MEMORY": f"{max(_LEAST_BYTES, memory_bytes - _LEAST_BYTES)}b",
        "EXCHANGE_SIZE": str(memory_bytes // 2),
    }
