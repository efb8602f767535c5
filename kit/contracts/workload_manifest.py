"""What `workload.yaml` may contain: scales, variants, and where the data comes from."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from kit.contracts.loss_type import LossType
from kit.contracts.parameters import ParameterKind
from kit.schema.validation import Schema, one_of, unknown_key

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1, le=2**62)]
SplitName = Annotated[str, one_of("train", "eval_train", "validation", "test")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Arguments = dict[Name, Any]  # of the workload's own functions, which know names and types


class SourceEntry(Schema):
    """One place that has an original: `kit.data.sources` knows how to read each kind."""

    file: Text | None = None
    url: Text | None = None
    python_package: Text | None = None
    debian_package: Text | None = None
    member: Text | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> SourceEntry:
        if {name for name, value in self if value is not None} not in _KINDS_OF_SOURCES:
            raise ValueError(
                "unknown source. Choose one of: file, url, python_package with or without member, "
                "debian_package with member"
            )
        return self


_KINDS_OF_SOURCES: tuple[set[str], ...] = (
    {"file"},
    {"url"},
    {"python_package"},
    {"python_package", "member"},
    {"debian_package", "member"},
)


class OriginalEntry(Schema):
    """A file as its publisher made it; the checksum is that of the uncompressed content."""

    sha256: Sha256
    sources: list[SourceEntry]  # none: only a user's own folder can have it


class BenchmarkEntry(Schema):
    """What `kit bench` takes, where the published size does not fit into an ordinary machine."""

    batch_size: Count | None = None
    model: Arguments = Field(default_factory=dict)


class Overrides(Schema):
    """What a variant changes."""

    model: Arguments = Field(default_factory=dict)
    data: Arguments = Field(default_factory=dict)


class VariantEntry(Overrides):
    """A variant and the sentence that describes it."""

    description: str = ""


class ScaleEntry(Overrides):
    """A workload at one scale; `variants` has what its variants change instead, for sizes."""

    variants: dict[Name, Overrides] = Field(default_factory=dict)
    evaluation_batch_size: Count = 256
    xla: dict[Annotated[str, one_of("cpu", "gpu")], bool] = Field(default_factory=dict)
    benchmark: BenchmarkEntry = BenchmarkEntry()
    splits: dict[SplitName, Count] = Field(default_factory=dict)
    # Arrays of the training split that hold nothing but labels: those that a placebo permutes.
    labels: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    prepared: dict[Annotated[str, one_of("train", "evaluation")], Sha256] = Field(
        default_factory=dict
    )
    originals: dict[FileName, OriginalEntry] = Field(default_factory=dict)
    not_prepared_because: str = ""


class WorkloadManifest(Schema):
    """A whole `workload.yaml`."""

    description: Text
    metric: Name
    loss_type: Annotated[LossType, Field(strict=False)]
    parameter_kinds: dict[str, Annotated[ParameterKind, Field(strict=False)]] = Field(
        default_factory=dict
    )  # regular expression -> kind
    scales: dict[Annotated[str, one_of("full", "mini")], ScaleEntry] = Field(min_length=1)
    variants: dict[Name, VariantEntry] = Field(default_factory=dict)

    @field_validator("parameter_kinds")
    @classmethod
    def _are_expressions(cls, kinds: dict[str, ParameterKind]) -> dict[str, ParameterKind]:
        for pattern in kinds:
            try:
                re.compile(pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"{pattern!r} is not a regular expression: {error}") from None
        return kinds

    @model_validator(mode="after")
    def _scales_have_known_variants(self) -> WorkloadManifest:
        for scale, entry in self.scales.items():
            for variant in entry.variants.keys() - self.variants.keys():
                raise unknown_key(variant, self.variants, f"variant under scales.{scale},")
        return self
