"""Rulesets: what a trial is measured against, read from `rules/*.yaml`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.version import InvalidVersion, Version
from pydantic import Field, PrivateAttr, model_validator

from kit import paths, registry
from kit.contracts.target import Target
from kit.errors import InvalidFile, UnknownName
from kit.schema.strict_yaml import parse, read_bytes, shown
from kit.schema.validation import Schema, check

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]  # also a folder
Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Names = Annotated[tuple[Name, ...], Field(strict=False)]


class TargetOverrides(Schema):
    """What a variant changes in its workload's target."""

    validation: float | None = None
    test: float | None = None


class VariantRules(Schema):
    """What a variant changes in its workload's rules; the rest is the workload's."""

    target: TargetOverrides = TargetOverrides()
    max_runtime_seconds: Seconds | None = None
    eval_period_seconds: Seconds | None = None
    step_hint: Count | None = None


class WorkloadRules(Schema):
    """Target, budget, eval period and step hint of one workload."""

    target: Target
    max_runtime_seconds: Seconds
    eval_period_seconds: Seconds
    step_hint: Count
    scored: bool = True  # false: for development, no part of a benchmark score
    variants: dict[Name, VariantRules] = Field(default_factory=dict)

    def for_variant(self, variant: str | None) -> WorkloadRules:
        """Return the rules of a variant, or of the workload itself for None; without variants.

        Raises:
            UnknownName: there is no such variant.
        """
        if variant is None:
            return self.model_copy(update={"variants": {}})
        if variant not in self.variants:
            raise UnknownName("variant", variant, self.variants, "--variant")
        changes = self.variants[variant]
        target = self.target.model_copy(update=changes.target.model_dump(exclude_none=True))
        own = changes.model_dump(exclude={"target"}, exclude_none=True)
        return self.model_copy(update={"variants": {}, "target": target, **own})

    def with_runtime_factor(self, factor: float) -> WorkloadRules:
        """Return the rules with the maximum runtime multiplied; the step hint stays."""
        return self.model_copy(update={"max_runtime_seconds": self.max_runtime_seconds * factor})


class EvaluationDevice(Schema):
    """Where the referee evaluates, and which share of that device's memory it may take."""

    device: Literal["cpu", "gpu"]
    memory_share: Annotated[float, Field(gt=0, le=1)]


class ExternalTuning(Schema):
    """Studies, and trials in each: one point of the search space, or of the list, per trial."""

    studies: Count
    trials: Count


class SelfTuning(Schema):
    """Studies of one trial without hyperparameters, with a longer maximum runtime."""

    studies: Count
    runtime_factor: Annotated[float, Field(ge=1)]


class Tuning(Schema):
    """The budget of both ways of tuning; a submission takes one."""

    external: ExternalTuning
    self_tuning: SelfTuning


class Evaluations(Schema):
    """When evaluations are due, and how late one may come and still reach the target."""

    schedule: Literal["fixed", "after_previous"]  # see `kit/records/schedule.py`
    late_seconds: Seconds
    late_period_share: Annotated[float, Field(ge=0, le=1)]  # of the eval period

    def late_limit_seconds(self, eval_period_seconds: float) -> float:
        """Return the larger of both limits."""
        return max(self.late_seconds, self.late_period_share * eval_period_seconds)


class Wheel(Schema):
    """A wheel that official submissions may add: these bytes and no others."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]  # as PEP 503 normalizes it
    version: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _check_version(self) -> Wheel:
        try:
            normalized = str(Version(self.version))
        except InvalidVersion:
            normalized = ""
        if normalized != self.version:
            raise ValueError(
                f"version {self.version!r} is not normalized as in PEP 440"
                + (f"; write {normalized!r}" if normalized else "")
            )
        return self


Share = Annotated[float, Field(ge=0, le=1)]


class ContentionLimits(Schema):
    """How much else a machine may do during submission time before a trial counts as disturbed."""

    other_cpu: Share  # of the machine's CPU time: what processes outside the trial may use
    steal: Share  # of it: what the hypervisor may withhold
    throttled: Share  # of submission time: how long a CPU quota may hold the trial back


class SubmissionLimits(Schema):
    """What a submission's folder may hold: text only, and too little for trained parameters."""

    max_bytes: Count
    max_compressed_bytes: Count  # as `kit.rules.folder.compressed_bytes` counts them
    allowed_wheels: Annotated[tuple[Wheel, ...], Field(strict=False)] = ()
    suffixes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^\.[a-z0-9]+$")], ...],
        Field(strict=False, min_length=1),
    ]


class HeldOut(Schema):
    """Which variants may be drawn after submissions freeze: one each for `base_workloads` bases."""

    base_workloads: Count
    variants: dict[Name, Annotated[Names, Field(min_length=1)]] = Field(min_length=1)  # by base
    published_choice: dict[Name, Name] = Field(default_factory=dict)  # what a past draw gave

    @model_validator(mode="after")
    def _check_counts(self) -> HeldOut:
        if self.base_workloads > len(self.variants):
            raise ValueError(
                f"base_workloads is {self.base_workloads}, but variants lists only "
                f"{len(self.variants)} workloads"
            )
        for workload, variants in self.variants.items():
            if len(set(variants)) < len(variants):  # it would be drawn more often
                raise ValueError(f"variants.{workload} lists a variant twice")
        for workload, variant in self.published_choice.items():
            if variant not in self.variants.get(workload, ()):
                raise ValueError(
                    f"published_choice has {workload}: {variant}, which variants does not list"
                )
        return self


class Scoring(Schema):
    """Ratios to the fastest beyond `r_max` count as never; speedups are over `reference`."""

    r_max: Annotated[float, Field(gt=1)]
    reference: Name


class Ruleset(Schema):
    """Everything that decides a benchmark, from one file."""

    name: Name
    version: str
    description: str
    source: str
    scale: Literal["mini", "full"]
    hardware: str
    isolation: Literal["process", "bubblewrap", "container"]  # the weakest for an official result
    evaluation: EvaluationDevice
    tuning: Tuning
    max_attempts: Count = 2
    evaluations: Evaluations
    pause_cpu_tolerance_seconds: Annotated[float, Field(ge=0)]
    pause_cpu_clock: Literal["ticks", "schedstat"] = "ticks"  # the coarsest for an official result
    contention: ContentionLimits | None = None  # None: in rulesets from before it was measured
    submission_limits: SubmissionLimits
    held_out: HeldOut | None = None
    scoring: Scoring
    workloads: dict[Name, WorkloadRules] = Field(min_length=1)
    planned: Names = ()  # workloads of the benchmark that have no numbers here yet
    _sha256: str = PrivateAttr(default="")
    _path: Path | None = PrivateAttr(default=None)

    @property
    def sha256(self) -> str:
        """Return the digest of the file, or of the content where there is no file."""
        return self._sha256 or hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def path(self) -> Path | None:
        """Return the file that this was read from."""
        return self._path

    @property
    def is_shipped(self) -> bool:
        """Tell whether this is one of the kit's own rulesets."""
        return self._path is not None and self._path.resolve().parent == paths.RULES.resolve()

    @model_validator(mode="before")
    @classmethod
    def _read_first_version(cls, data: Any) -> Any:
        """Accept the files of earlier leaderboards, which keep their digest: those with `yielding`.

        What they could not say yet is as it was then.
        """
        if not isinstance(data, dict) or "evaluations" in data or "yielding" not in data:
            return data
        content = dict(data)
        yielding, limits = content.pop("yielding"), content.get("submission_limits")
        late = yielding.get("late_yield_seconds") if isinstance(yielding, dict) else yielding
        content["evaluations"] = {
            "schedule": "after_previous",
            "late_seconds": late,
            "late_period_share": 0.0,
        }
        if isinstance(limits, dict):
            unlimited = limits.get("max_bytes")
            content["submission_limits"] = {"max_compressed_bytes": unlimited, **limits}
        return content

    @model_validator(mode="after")
    def _check_references(self) -> Ruleset:
        both = sorted(set(self.planned) & set(self.workloads))
        if both:
            raise ValueError(f"planned lists {both[0]}, which workloads has numbers for")
        for workload, variants in (self.held_out.variants if self.held_out else {}).items():
            if workload not in self.workloads:
                known = ", ".join(self.workloads)
                raise ValueError(f"held_out.variants lists {workload}. Choose one of: {known}")
            for variant in variants:
                if variant not in self.workloads[workload].variants:
                    known = ", ".join(self.workloads[workload].variants) or "(none)"
                    raise ValueError(
                        f"held_out.variants.{workload} lists {variant}. Choose one of: {known}"
                    )
        return self


def load_ruleset(name_or_path: str | Path) -> Ruleset:
    """Read a ruleset by its name in `rules/`, or from any `.yaml` file.

    Raises:
        UnknownName: there is no ruleset of that name.
        InvalidFile: the file does not parse or does not match the schema.
    """
    text = str(name_or_path)
    if text in registry.ruleset_names():
        path = paths.RULES / f"{text}.yaml"
    elif text.endswith((".yaml", ".yml")):
        path = Path(text).absolute()
    else:
        raise UnknownName("ruleset", text, registry.ruleset_names(), "--ruleset")
    return parse_ruleset(read_bytes(path), path)


def parse_ruleset(content: bytes, path: Path) -> Ruleset:
    """Return the ruleset that the file `path` holds, given its content.

    Raises:
        InvalidFile: the content does not parse or does not match the schema.
    """
    ruleset = check(Ruleset, parse(content, path), path)
    if ruleset.name != path.stem:
        raise InvalidFile(
            f"{shown(path)}: name: must be the name of the file, {path.stem!r}. "
            f"Received: {ruleset.name!r}. Rename one of them."
        )
    ruleset._sha256 = hashlib.sha256(content).hexdigest()
    ruleset._path = path
    return ruleset
