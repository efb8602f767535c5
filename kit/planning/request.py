"""One trial as data: everything that its execution needs, in a form that travels as JSON.

Planning happens once, where the signing key and the ledger are. `kit run` in this process, the
child process of a study, the referee's container and a remote host execute the same request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from kit.contracts.trial_id import TrialId
from kit.errors import UsageError
from kit.records.ledger_entry import first_error
from kit.records.record import IsolationLevel
from kit.rules.hyperparameters import Scalar
from kit.rules.ruleset import Ruleset, WorkloadRules, load_ruleset
from kit.rules.seeds import TrialSeeds
from kit.rules.submission import Submission, load_submission

QUICK_SECONDS = 8.0
MAX_REQUEST_BYTES = 1 << 20
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class EarlyStop:
    """The submission time after which a trial can no longer change a score, and why."""

    after_seconds: Seconds  # an evaluation at this very time is still granted
    rule: Annotated[str, Field(pattern=r"^[ -~]*[!-~][ -~]*$", max_length=200)]  # in words
    evidence: tuple[Sha256, ...] = ()  # of the attestations that justify it

    @property
    def is_needless(self) -> bool:
        """Tell whether the trial need not even start."""
        return self.after_seconds == 0


class Execution(_Data):
    """Where and how a trial runs."""

    engine: Literal["local", "docker"] = "local"
    isolation: Literal[IsolationLevel, "auto"] = "auto"
    device: Literal["auto", "cpu", "gpu"] = "auto"  # of containers; auto: the ruleset's
    memory_limit_bytes: Count | None = None  # of the trainer; None: what the machine can spare


class TrialRequest(_Data):
    """One trial: what runs, under which rules, from which seeds, and where.

    Paths are those of the machine that executes the request; the digests say what must be there.
    `unofficial_reasons` lists why a result cannot be official; it is empty for an official one.
    """

    format: Literal["stopwatch/trial-request/1"] = "stopwatch/trial-request/1"
    id: TrialId
    ruleset: str  # a name of the kit's, or a file
    ruleset_sha256: Sha256
    submission: Path  # its folder
    submission_sha256: Sha256
    results: Path
    rules: WorkloadRules  # of the workload, the variant's overrides and the runtime factor applied
    hyperparameters: dict[str, Scalar]
    batch_size: Count
    seeds: TrialSeeds
    study_commitment: Sha256 | None = None  # None for a seed by hand
    unofficial_reasons: tuple[str, ...] = ()
    evaluate_at_steps: tuple[Count, ...] = ()  # instead of the eval period; never official
    stop: EarlyStop | None = None
    told_runtime_seconds: Seconds | None = None  # if the submission is told another budget
    execution: Execution = Execution()

    @property
    def announced_runtime_seconds(self) -> float:
        """Return the budget that the submission is told."""
        told = self.told_runtime_seconds
        return self.rules.max_runtime_seconds if told is None else told

    def changed(self, **fields: Any) -> TrialRequest:
        """Return the request with some fields replaced."""
        return self.model_copy(update=fields)

    def unofficial(self, *reasons: str) -> TrialRequest:
        """Return the request with reasons added why its result is not official."""
        return self.changed(unofficial_reasons=(*self.unofficial_reasons, *reasons))

    def evaluated_at(self, steps: Sequence[int]) -> TrialRequest:
        """Return the request with evaluations after the given steps, to compare curves of runs."""
        changed = self.changed(evaluate_at_steps=tuple(steps))
        return changed.unofficial("evaluations come at chosen steps, not by submission time")

    def quick(self) -> TrialRequest:
        """Return the request of a ten-second check: a small budget, never official."""
        budget = min(QUICK_SECONDS, self.rules.max_runtime_seconds)
        rules = self.rules.model_copy(
            update={"max_runtime_seconds": budget, "eval_period_seconds": budget / 4}
        )
        return self.changed(rules=rules).unofficial("--quick is a check, not a trial")

    def encode(self) -> str:
        """Return the request as one line of JSON. It holds the trial's secret."""
        return self.model_dump_json()

    @classmethod
    def decode(cls, text: str | bytes) -> TrialRequest:
        """Parse a request.

        Raises:
            UsageError: it is too long, or not what `encode` writes; names the field.
        """
        if len(text) > MAX_REQUEST_BYTES:
            raise UsageError(f"A trial request of {len(text):,} characters is too long.")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"Not a trial request: {first_error(error)}.") from None


@dataclass(frozen=True)
class TrialPlan:
    """A request and the files that it names, read once."""

    request: TrialRequest
    ruleset: Ruleset
    submission: Submission
    training_data: Path | None = None  # in place of the prepared split (placebo); never official

    @property
    def id(self) -> TrialId:
        """Return which trial this is."""
        return self.request.id


def open_request(request: TrialRequest) -> TrialPlan:
    """Read the ruleset and the submission of a request.

    Raises:
        UsageError: a file cannot be read, or is not what was planned with.
    """
    ruleset = load_ruleset(request.ruleset)
    submission = load_submission(request.submission, ruleset.submission_limits)
    for what, planned, found in (
        (f"Ruleset {ruleset.name!r}", request.ruleset_sha256, ruleset.sha256),
        (f"Submission {submission.name!r}", request.submission_sha256, submission.sha256),
    ):
        if planned != found:
            raise UsageError(
                f"{what} was changed after this trial was planned: it had the sha256 "
                f"{planned[:12]}…, now it has {found[:12]}…. Restore its files, then repeat the "
                "command."
            )
    return TrialPlan(request, ruleset, submission)
