"""What a trial leaves behind: the schema of `trial.json` and of a row of `evaluations.csv`."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from kit.contracts.target import Target
from kit.contracts.trial_id import TrialId
from kit.records.formats import Since, drop_later_fields, format_problems
from kit.rules.hyperparameters import Point
from kit.schema.values import (
    Amount,
    Count,
    Name,
    Nanoseconds,
    Number,
    Seconds,
    Sha256,
    UtcTime,
    utc_time,
)

NANOSECONDS = 1_000_000_000
MetricName = Annotated[str, Field(pattern=r"^(train|validation|test)/")]
IsolationLevel = Literal["container", "bubblewrap", "process", "inline"]
_STRONGEST_FIRST: tuple[IsolationLevel, ...] = ("container", "bubblewrap", "process", "inline")


def is_weaker(level: IsolationLevel, wanted: IsolationLevel) -> bool:
    """Tell whether a level of isolation is weaker than another."""
    return _STRONGEST_FIRST.index(level) > _STRONGEST_FIRST.index(wanted)


class TrialState(enum.StrEnum):
    """How a trial ended: exactly one of these."""

    TARGET_REACHED = "target_reached"
    OUT_OF_TIME = "out_of_time"
    COMPLETED_WITHOUT_TARGET = "completed_without_target"
    STOPPED_EARLY = "stopped_early"
    FAILED = "failed"
    RULE_VIOLATION = "rule_violation"
    INTERRUPTED = "interrupted"


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Segment(_Schema):
    """One stretch of the clock, in nanoseconds since the trial's start."""

    phase: Literal["setup", "submission", "evaluation", "logging"]
    start_ns: Nanoseconds
    end_ns: Nanoseconds


class ScheduleRecord(_Schema):
    """When evaluations were due, and how late one could be to reach the target."""

    kind: Literal["fixed", "after_previous", "chosen_steps"]  # see `kit/records/schedule.py`
    late_limit_seconds: Seconds


class RulesRecord(_Schema):
    """The numbers of the ruleset that decided this trial, runtime factor and overrides applied."""

    ruleset: Name
    ruleset_sha256: Sha256
    scale: str
    target: Target
    max_runtime_seconds: Seconds
    eval_period_seconds: Seconds
    step_hint: Count
    schedule: Annotated[ScheduleRecord | None, Since(2)] = None


class SeedsRecord(_Schema):
    """The revealed secret of the trial and what derives from it (see `kit/rules/seeds.py`)."""

    secret: str
    commitment: Sha256
    initialization: Count
    data: Count
    algorithm: Count


class Failure(_Schema):
    """Why a trainer failed or was stopped, as far as it is known."""

    traceback: str | None = None
    exit_status: str | None = None
    log_tail: str | None = None


class TrainerReport(_Schema):
    """Labelled parts of submission time as the trainer reports them: untrusted, for diagnosis."""

    compile_seconds: Seconds = 0.0
    handover_seconds: Seconds = 0.0
    data_wait_seconds: Seconds = 0.0
    xla: dict[str, bool] = Field(default_factory=dict)  # by compiled function


class StopReason(_Schema):
    """Why a trial was stopped early: no continuation could change a score, given other results."""

    rule: str  # in words, such as "slower than the study's best"
    evidence: list[Sha256]  # sha256 of their attestations


class BackendRecord(_Schema):
    """The frameworks that computed."""

    trainer: str
    referee: str


class GpuRecord(_Schema):
    """One GPU of the machine."""

    name: str
    driver: str
    memory_bytes: Count


class HostRecord(_Schema):
    """The machine, as far as it bears on speed; it is not named."""

    id: str | None  # derived from the machine's id, which it does not reveal; null: unknown
    cpu: str
    cores: Count  # that the referee may use
    memory_bytes: Count
    gpus: list[GpuRecord]
    kernel: str
    architecture: str


class FreezingRecord(_Schema):
    """How the trainer was held while the clock stood, and how that was watched."""

    method: Literal["cgroup2", "cgroup1", "signals", "none"]  # none: inline, or nothing was started
    cpu_clock: Literal["schedstat", "ticks"]
    seccomp: bool


class ContentionRecord(_Schema):
    """What else used the machine while the submission's clock ran; null: could not be read."""

    seconds: Seconds = 0.0  # submission time that this covers
    cpus: Count | None = None  # of the machine
    trial_cpu_seconds: Seconds | None = None  # used by the trainer's processes
    other_cpu_seconds: Seconds | None = None  # used by all others
    steal_seconds: Seconds | None = None  # in which the hypervisor ran something else
    pressure_seconds: Seconds | None = None  # in which a runnable task waited for a CPU
    throttled_seconds: Seconds | None = None  # in which a CPU quota held the trial back
    load_average: Amount | None = None  # the highest that was seen, over one minute


class TrialRecord(_Schema):
    """The content of `trial.json`.

    `stop_reasons` belongs to the state `stopped_early`; the file has no such key where it is empty.
    A new field needs a new format: extend `format`, and say `Since` which one the field exists.
    """

    format: Literal["stopwatch/trial/1", "stopwatch/trial/2"] = "stopwatch/trial/2"
    kit_version: str
    started_at: UtcTime
    ended_at: UtcTime
    rules: RulesRecord
    workload: Name
    variant: Name | None
    submission: Name
    submission_sha256: Sha256
    study: Number
    trial: Number
    attempt: Number
    hyperparameters: Point
    batch_size: Count
    seeds: SeedsRecord
    official: bool
    unofficial_reasons: list[str]
    isolation: IsolationLevel
    state: TrialState
    reason: str  # one sentence for a reader
    time_to_target_seconds: Seconds | None  # null is infinity: the target was missed
    steps: Count
    submission_seconds: Seconds
    segments: list[Segment]
    trainer_report: TrainerReport
    peak_trainer_memory_bytes: Count | None = None
    peak_device_memory_bytes: Count | None = None
    failure: Failure | None = None
    stop_reasons: list[StopReason] = Field(default_factory=list)
    initial_metrics: Annotated[dict[MetricName, float] | None, Since(2)] = None
    backend: Annotated[BackendRecord | None, Since(2)] = None
    precision: Annotated[str | None, Since(2)] = None
    devices: Annotated[list[str] | None, Since(2)] = None  # that the trainer computed on
    host: Annotated[HostRecord | None, Since(2)] = None
    data_manifests: Annotated[dict[str, Sha256] | None, Since(2)] = None  # file -> sha256
    freezing: Annotated[FreezingRecord | None, Since(2)] = None
    contention: Annotated[ContentionRecord | None, Since(2)] = None
    disturbed: Annotated[list[str] | None, Since(2)] = None  # one sentence each

    @model_validator(mode="after")
    def _check_format(self) -> TrialRecord:
        if utc_time(self.ended_at) < utc_time(self.started_at):
            raise ValueError(f"ended_at: {self.ended_at} is before started_at, {self.started_at}")
        if problem := next(format_problems(self, self.format_number), None):
            raise ValueError(problem)
        return self

    @model_serializer(mode="wrap")
    def _fields_of_format(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        if not self.stop_reasons:
            del fields["stop_reasons"]
        drop_later_fields(fields, self, self.format_number)
        return fields

    @property
    def id(self) -> TrialId:
        """Return which trial this is a record of."""
        return TrialId(
            ruleset=self.rules.ruleset,
            submission=self.submission,
            workload=self.workload,
            variant=self.variant,
            study=self.study,
            trial=self.trial,
        )

    @property
    def format_number(self) -> int:
        """Return the version of the record's format."""
        return int(self.format.rpartition("/")[2])


class Evaluation(_Schema):
    """One row of `evaluations.csv`.

    Metrics are keyed "train/loss", "validation/accuracy", "test/accuracy", …; they may be NaN.
    """

    index: Number  # counted from 1
    step: Count
    submission_ns: Nanoseconds  # submission time when the clock stopped for this evaluation
    total_ns: Nanoseconds  # time since the trial's start, all phases
    evaluation_ns: Nanoseconds  # how long the evaluation took
    due_ns: Nanoseconds  # submission time at which it became due
    freeze_ns: Nanoseconds  # of submission time, from the message to the last process seen stopped
    pause_cpu_seconds: Seconds  # CPU time the trainer used while it was stopped, read from the OS
    pause_gpu_utilization: Amount | None = None  # largest sample by NVML; None without a GPU
    distance_from_initial: float  # Euclidean distance of all parameters from the initial ones
    finite: bool  # all parameters are finite
    weights_sha256: Sha256  # of what was evaluated
    metrics: dict[MetricName, float]

    @property
    def submission_seconds(self) -> float:
        """Submission time in seconds."""
        return self.submission_ns / NANOSECONDS
