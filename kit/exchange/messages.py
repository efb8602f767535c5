"""The messages of the protocol: JSON lines of bounded size, checked against a schema.

REFEREE                    TRAINER
Setup  ────────────────>   builds the workload
Initial ───────────────>   loads the initial parameters
       <────────────────   Ready
Go     ────────────────>   imports the submission, trains; sees the evaluation flag
       <────────────────   Weights
Resume ────────────────>   …
       <────────────────   Complete | Failed
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from kit.errors import RuleViolation
from kit.text import escape_block, escape_line

MAX_MESSAGE_BYTES = 64 * 1024
MAX_TRACEBACK_BYTES = 24 * 1024  # as JSON, with every quote escaped, it fits into a message
MAX_NAME_CHARACTERS = 200
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


def _end_of_block(text: object) -> object:
    """Return the end of a text as it may be shown; also what no JSON could carry, a surrogate."""
    if not isinstance(text, str):
        return text
    return escape_block(text).encode()[-MAX_TRACEBACK_BYTES:].decode(errors="ignore")


_Block = Annotated[str, BeforeValidator(_end_of_block)]
_Name = Annotated[str, Field(max_length=MAX_NAME_CHARACTERS), AfterValidator(escape_line)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Setup(_Message):
    """What the trainer builds, before any submission code is imported."""

    type: Literal["setup"] = "setup"
    workload: str
    scale: str
    variant: str | None
    batch_size: int
    step_hint: int
    hyperparameters: dict[str, Any]
    data_seed: int
    algorithm_seed: int
    max_submission_seconds: float
    target: float
    higher_is_better: bool
    evaluate_at_steps: list[int] = Field(default_factory=list)  # instead of the flag; unofficial


class Initial(_Message):
    """The initial parameters lie in the exchange directory, in `initial.safetensors`."""

    type: Literal["initial"] = "initial"


class Go(_Message):
    """The clock is running: import the submission and train."""

    type: Literal["go"] = "go"


class Resume(_Message):
    """The evaluation is done. Metrics are those of train and validation, never of test.

    A metric that is not finite travels as null.
    """

    type: Literal["resume"] = "resume"
    step: int
    submission_seconds: float
    metrics: dict[str, float | None]


class Report(_Message):
    """Parts of submission time as the trainer sees them; for diagnosis only."""

    compile_seconds: _Seconds = 0.0
    handover_seconds: _Seconds = 0.0
    data_wait_seconds: _Seconds = 0.0
    xla: Annotated[dict[_Name, bool], Field(max_length=64)] = Field(default_factory=dict)
    peak_device_memory_bytes: _Count | None = None


class Ready(_Message):
    """The workload is built and holds the initial parameters."""

    type: Literal["ready"] = "ready"


class Weights(_Message):
    """The parameters to evaluate after `step` steps lie in the exchange's weights file."""

    type: Literal["weights"] = "weights"
    step: _Count
    size_bytes: _Count
    report: Report = Field(default_factory=Report)


class Complete(_Message):
    """The algorithm has finished by itself; its last weights lie in the weights file."""

    type: Literal["complete"] = "complete"
    step: _Count
    size_bytes: _Count
    report: Report = Field(default_factory=Report)


class Failed(_Message):
    """The submission, or the loop around it, raised an exception."""

    type: Literal["failed"] = "failed"
    step: _Count
    traceback: _Block


FromReferee = Annotated[Setup | Initial | Go | Resume, Field(discriminator="type")]
FromTrainer = Annotated[Ready | Weights | Complete | Failed, Field(discriminator="type")]
_from_referee: TypeAdapter[Setup | Initial | Go | Resume] = TypeAdapter(FromReferee)
_from_trainer: TypeAdapter[Ready | Weights | Complete | Failed] = TypeAdapter(FromTrainer)


def encode(message: BaseModel) -> bytes:
    """Return the message as one line."""
    return message.model_dump_json().encode() + b"\n"


def parse_from_referee(line: bytes) -> Setup | Initial | Go | Resume:
    """Parse what the referee sent; it is trusted, so any exception may surface."""
    return _from_referee.validate_json(line)


def parse_from_trainer(line: bytes) -> Ready | Weights | Complete | Failed:
    """Parse what the trainer sent, which is not trusted.

    Raises:
        RuleViolation: it is not a message of the protocol.
    """
    try:
        return _from_trainer.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "message"
        problem = escape_line(f"{where}: {first['msg']}")[: 2 * MAX_NAME_CHARACTERS]
        raise RuleViolation(
            f"The trainer sent a message that is not of the protocol: {problem}. "
            f"Received: {line[:80]!r}."
        ) from None
