"""Submissions: folders with `submission.yaml` and `submission.py`; no code is imported here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kit import paths, registry
from kit.errors import InvalidSubmission, UnknownName
from kit.rules.data_sources import data_packages
from kit.rules.extra_requirements import (
    LOCK,
    ExtraRequirement,
    extra_requirements,
    pinned_versions,
    unlisted_wheels,
)
from kit.rules.folder import read_folder
from kit.rules.hyperparameters import (
    Candidates,
    Declared,
    HyperparameterName,
    Point,
    Scalar,
    check_candidates,
    completed,
    read_declared,
)
from kit.rules.ruleset import Count, Ruleset, SubmissionLimits
from kit.rules.source_digest import digest_files
from kit.schema.strict_yaml import parse, shown
from kit.schema.validation import Schema, check, load
from kit.schema.values import Name

DEFAULT_LIMITS = SubmissionLimits(  # without a ruleset: to look at a submission, not to run it
    max_bytes=1 << 20,
    max_compressed_bytes=1 << 20,
    suffixes=(".py", ".yaml", ".md", ".txt", ".lock"),
)
NonEmpty = Annotated[str, Field(min_length=1)]


class Dimension(Schema):
    """One hyperparameter of a search space: a range with its scaling, or a list of values."""

    min: float | None = None
    max: float | None = None
    scaling: Literal["linear", "log"] | None = None
    feasible_points: Annotated[tuple[Scalar, ...], Field(strict=False, min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_form(self) -> Dimension:
        limits = (self.min, self.max, self.scaling)
        if self.feasible_points is not None:
            if any(part is not None for part in limits):
                raise ValueError("has feasible_points, so it takes no min, max or scaling")
        elif self.min is None or self.max is None or self.scaling is None:
            raise ValueError("needs min, max and scaling (log or linear), or feasible_points alone")
        elif self.min > self.max:
            raise ValueError(f"min {self.min} is larger than max {self.max}")
        elif self.scaling == "log" and self.min <= 0:
            raise ValueError(f"scaling log needs min above 0, and min is {self.min}")
        return self

    def holds(self, value: Any) -> bool:
        """Tell whether a point may have this value."""
        if self.feasible_points is not None:
            return value in self.feasible_points
        if self.min is None or self.max is None or not isinstance(value, float):
            return False
        return self.min <= value <= self.max


class SubmissionTuning(Schema):
    """Where hyperparameters come from: a list of points, a search space, or nothing to tune."""

    points: Annotated[tuple[Point, ...], Field(strict=False, min_length=1)] | None = None
    search_space: (
        Annotated[dict[HyperparameterName, Dimension], Field(min_length=1, max_length=100)] | None
    ) = None
    fixed: Point | None = None  # self-tuning: the same values in every trial

    @model_validator(mode="after")
    def _check_form(self) -> SubmissionTuning:
        if len(self.model_fields_set) != 1 or self.form is None:
            raise ValueError("needs exactly one of: points, search_space, fixed")
        names = [set(point) for point in self.points or ()]
        for number, point in enumerate(names, start=1):
            if point != names[0]:
                different = ", ".join(sorted(point ^ names[0]))
                raise ValueError(
                    f"points must all have the same names; point {number} differs from point 1 "
                    f"in: {different}"
                )
        return self

    @property
    def form(self) -> str | None:
        """Return which of the three this is."""
        forms = ("points", "search_space", "fixed")
        return next((form for form in forms if getattr(self, form) is not None), None)

    def candidates(self) -> Iterator[tuple[str, Candidates]]:
        """Yield, by its place in the manifest, what hyperparameters may become; ends of ranges."""
        for number, point in enumerate(self.points or (), start=1):
            yield f"points[{number}]", {name: (value,) for name, value in point.items()}
        if self.fixed is not None:
            yield "fixed", {name: (value,) for name, value in self.fixed.items()}
        if self.search_space is not None:
            yield (
                "search_space",
                {
                    name: one.feasible_points or (one.min, one.max)
                    for name, one in self.search_space.items()
                },
            )


class SubmissionManifest(Schema):
    """The content of `submission.yaml`."""

    name: Name
    authors: Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1)]
    paper: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    description: NonEmpty
    batch_sizes: dict[Literal["mini", "full"], dict[Name, Count]]  # by workload, or its variant
    tuning: Annotated[dict[Name, SubmissionTuning], Field(min_length=1)]  # by ruleset, or default


@dataclass(frozen=True)
class Submission:
    """A submission as it is on disk now: `contents` are the very bytes that `sha256` covers."""

    name: str
    folder: Path
    manifest: SubmissionManifest
    contents: Mapping[str, bytes] = field(repr=False)  # by relative path, sorted

    @property
    def files(self) -> tuple[str, ...]:
        """Return the relative paths of all files, sorted."""
        return tuple(self.contents)

    @property
    def sha256(self) -> str:
        """Return the digest of all paths and contents, as records state it."""
        return digest_files(self.contents)

    @property
    def extra_requirements(self) -> tuple[ExtraRequirement, ...]:
        """Return the packages that `requirements.lock` adds to the trainer; most have none.

        Raises:
            InvalidSubmission: the file is not a lock, would change what the kit pins, or adds a
                package that holds a workload's data.
        """
        if LOCK not in self.contents:
            return ()
        try:
            return extra_requirements(self.contents, pinned_versions(), data_packages())
        except InvalidSubmission as error:
            raise InvalidSubmission(f"{shown(self.folder)}/{error}") from None

    @cached_property
    def declared(self) -> Declared:
        """What `submission.py` and the classes it derives from declare of hyperparameters.

        Raises:
            InvalidSubmission: nothing, or in another form than a literal.
        """
        used: dict[str, Any] = {}
        for tuning in self.manifest.tuning.values():
            for _, candidates in tuning.candidates():
                used.update(candidates)
        return read_declared(self.contents, self.folder, used)

    def completed(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point with the declared defaults of what it leaves out."""
        return completed(self.declared, point)

    def unofficial_reasons(self, ruleset: Ruleset) -> list[str]:
        """Return why no run of this submission under `ruleset` can be official."""
        allowed = ruleset.submission_limits.allowed_wheels
        unlisted = unlisted_wheels(self.extra_requirements, allowed)
        if not unlisted:
            return []
        return [
            f"{LOCK} adds wheels that ruleset {ruleset.name} does not allow by name, version and "
            f"sha256: {', '.join(map(str, unlisted))}"
        ]

    def tuning_for(self, ruleset: str) -> SubmissionTuning:
        """Return the tuning declared for a ruleset, or the default one.

        Raises:
            InvalidSubmission: neither is declared, or a key names no ruleset.
        """
        declared = self.manifest.tuning
        where = shown(self.folder / "submission.yaml")
        known = {"default", ruleset, *registry.ruleset_names()}
        for key in declared:
            if key not in known:
                raise InvalidSubmission(
                    f"{where}: tuning.{key} names no ruleset. Choose one of: "
                    f"{', '.join(sorted(known))}. Rename the key."
                )
        if ruleset in declared or "default" in declared:
            return declared.get(ruleset) or declared["default"]
        raise InvalidSubmission(
            f"{where}: no tuning for ruleset {ruleset}. Received: {', '.join(declared)}. "
            f"Add `{ruleset}:` or `default:` under tuning."
        )

    def batch_size(self, scale: str, workload: str, variant: str | None) -> int:
        """Return the examples per step; a variant's own number goes before its workload's.

        Raises:
            InvalidSubmission: there is none for this workload at this scale.
        """
        by_scale = {str(key): sizes for key, sizes in self.manifest.batch_sizes.items()}
        sizes = by_scale.get(scale, {})
        label = f"{workload}_{variant}" if variant else workload
        size = sizes.get(label, sizes.get(workload))
        if size is None:
            listed = ", ".join(sizes) or "(none)"
            raise InvalidSubmission(
                f"{shown(self.folder / 'submission.yaml')}: no batch size for workload "
                f"{workload!r} at scale {scale}. Received: {listed}. "
                f"Add `{workload}: <examples per step>` under batch_sizes: {scale}:."
            )
        return size


def read_manifest(folder: Path) -> SubmissionManifest:
    """Read `submission.yaml` alone.

    Raises:
        InvalidFile: it is missing, does not parse or does not match the schema.
    """
    return load(SubmissionManifest, folder / "submission.yaml")[0]


def load_submission(
    name_or_path: str | Path, limits: SubmissionLimits = DEFAULT_LIMITS
) -> Submission:
    """Read a submission by its name in `submissions/`, or from any folder.

    Raises:
        UnknownName: there is no submission of that name and no such folder.
        InvalidFile: `submission.yaml` does not match its schema.
        InvalidSubmission: the folder breaks a limit, `requirements.lock` is not a lock, or the
            manifest sets hyperparameters that are not declared like that.
    """
    text = str(name_or_path)
    shipped = text in registry.submission_names()
    folder = (paths.SUBMISSIONS / text if shipped else Path(text)).absolute()
    if not folder.is_dir():
        raise UnknownName("submission", text, registry.submission_names(), "--submission")
    manifest_path = folder / "submission.yaml"
    for required in ("submission.yaml", "submission.py"):
        if not (folder / required).exists():
            raise InvalidSubmission(f"{shown(folder)}: no {required}. Add it, or check the folder.")
    contents = read_folder(folder, limits)
    manifest = check(
        SubmissionManifest, parse(contents["submission.yaml"], manifest_path), manifest_path
    )
    if shipped and manifest.name != text:
        raise InvalidSubmission(
            f"{shown(manifest_path)}: name: must be the name of the folder, {text!r}. "
            f"Received: {manifest.name!r}. Rename one of them."
        )
    submission = Submission(
        name=manifest.name,
        folder=folder,
        manifest=manifest,
        contents=MappingProxyType(contents),
    )
    _ = submission.extra_requirements  # an error now, before anything runs
    for ruleset, tuning in manifest.tuning.items():
        for place, candidates in tuning.candidates():
            where = f"{shown(manifest_path)}: tuning.{ruleset}.{place}"
            check_candidates(submission.declared, candidates, where)
    return submission
