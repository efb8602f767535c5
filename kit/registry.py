"""A folder is the registry: workloads, submissions and rulesets are found, not registered."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kit import paths
from kit.errors import InvalidFile, UnknownName

if TYPE_CHECKING:
    from kit.contracts.workload import Workload


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises:
        InvalidFile: the file is missing or is not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidFile(f"{path}: no such file. Create it, or check the name.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidFile(f"{path}: not valid YAML: {reason}. Fix the syntax there.") from None


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


def workload_manifest(name: str) -> Mapping[str, Any]:
    """Return the content of a workload's `workload.yaml`: scales and variants.

    Raises:
        UnknownName: there is no such workload.
    """
    if name not in workload_names():
        raise UnknownName("workload", name, workload_names(), "--workload")
    manifest: Mapping[str, Any] = read_yaml(paths.WORKLOADS / name / "workload.yaml")
    return manifest


def load_workload(
    name: str, scale: str, variant: str | None = None, *, model: Mapping[str, Any] | None = None
) -> Workload:
    """Build the workload object; imports Keras. `model` overrides architecture arguments (tests).

    Raises:
        UnknownName: no such workload, scale or variant.
    """
    manifest = workload_manifest(name)
    scales = manifest["scales"]
    variants = manifest.get("variants") or {}
    if scale not in scales:
        raise UnknownName(f"scale of {name}", scale, scales, "--scale")
    if variant is not None and variant not in variants:
        raise UnknownName(f"variant of {name}", variant, variants, "--variant")

    from kit.contracts.parameters import ParameterKind
    from kit.contracts.workload import Workload, WorkloadConfig

    base = scales[scale]
    # A scale may have its own form of a variant, where that gives sizes.
    overrides = {**variants, **base.get("variants", {})}[variant] if variant else {}
    config = WorkloadConfig(
        name=name,
        scale=scale,
        variant=variant,
        model={**base.get("model", {}), **overrides.get("model", {}), **(model or {})},
        data={**base.get("data", {}), **overrides.get("data", {})},
        evaluation_batch_size=base.get("evaluation_batch_size", 256),
        xla=base.get("xla", {}),
        parameter_kinds={
            pattern: ParameterKind(kind)
            for pattern, kind in (manifest.get("parameter_kinds") or {}).items()
        },
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
    return classes[0](config)
