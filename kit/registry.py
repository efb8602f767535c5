"""A folder is the registry: workloads, submissions and rulesets are found, not registered."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from kit import paths
from kit.contracts.workload_manifest import Overrides, ScaleEntry, WorkloadManifest
from kit.errors import InvalidFile, UnknownName
from kit.schema.validation import Schema, check, load

if TYPE_CHECKING:
    from kit.contracts.workload import Workload


def workload_names() -> list[str]:
    """Return the workloads that are built, by folder."""
    return sorted(path.parent.name for path in paths.WORKLOADS.glob("*/workload.yaml"))


def submission_names() -> list[str]:
    """Return the submissions that ship with the kit, by folder."""
    return sorted(path.parent.name for path in paths.SUBMISSIONS.glob("*/submission.yaml"))


def ruleset_names() -> list[str]:
    """Return the rulesets, by file."""
    files = set(paths.RULES.glob("*.yaml")) - {paths.TRUSTED_KEYS}
    return sorted(path.stem for path in files)


def workload_manifest(name: str) -> WorkloadManifest:
    """Return the content of a workload's `workload.yaml`: scales and variants.

    Raises:
        UnknownName: there is no such workload.
        InvalidFile: the file does not match its schema.
    """
    if name not in workload_names():
        raise UnknownName("workload", name, workload_names(), "--workload")
    return load(WorkloadManifest, _manifest_path(name))[0]


def scale_entry(workload: str, scale: str) -> ScaleEntry:
    """Return what `workload.yaml` has for one scale.

    Raises:
        UnknownName: there is no such workload or scale.
        InvalidFile: the file does not match its schema.
    """
    scales: Mapping[str, ScaleEntry] = workload_manifest(workload).scales
    if scale not in scales:
        raise UnknownName(f"scale of {workload}", scale, scales, "--scale")
    return scales[scale]


def load_workload(
    name: str, scale: str, variant: str | None = None, *, model: Mapping[str, Any] | None = None
) -> Workload:
    """Build the workload object; imports Keras. `model` overrides architecture arguments (tests).

    Raises:
        UnknownName: no such workload, scale or variant.
        InvalidFile: `workload.yaml` does not match its schema, or the arguments of the functions
            that build the model and read the data.
    """
    manifest, base = workload_manifest(name), scale_entry(name, scale)
    if variant is not None and variant not in manifest.variants:
        raise UnknownName(f"variant of {name}", variant, manifest.variants, "--variant")

    from kit.contracts.workload import Workload, WorkloadConfig

    # A scale may have its own form of a variant, where that gives sizes.
    changes = {**manifest.variants, **base.variants}[variant] if variant else Overrides()
    config = WorkloadConfig(
        name=name,
        scale=scale,
        variant=variant,
        model={**base.model, **changes.model, **(model or {})},
        data={**base.data, **changes.data},
        evaluation_batch_size=base.evaluation_batch_size,
        xla=base.xla,
        parameter_kinds=manifest.parameter_kinds,
    )
    module = importlib.import_module(f"workloads.{name}.workload")
    classes = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Workload) and member.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise InvalidFile(
            f"workloads/{name}/workload.py must define one Workload class; "
            f"it defines {len(classes)}."
        )
    workload = classes[0](config)
    functions = {"model": workload.model_builder(), "data": workload.data_reader()}
    arguments: dict[str, Any] = {part: _keyword_arguments(of) for part, of in functions.items()}
    schema = create_model("Arguments", __base__=Schema, **arguments)
    check(schema, {"model": dict(config.model), "data": dict(config.data)}, _manifest_path(name))
    return workload


def _keyword_arguments(function: Callable[..., Any]) -> type[Schema]:
    """Return the schema of what a function takes by keyword alone."""
    fields: dict[str, Any] = {
        name: (
            parameter.annotation,
            ... if parameter.default is Parameter.empty else parameter.default,
        )
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    }
    return create_model(function.__name__, __base__=Schema, **fields)


def _manifest_path(name: str) -> Path:
    return paths.WORKLOADS / name / "workload.yaml"
