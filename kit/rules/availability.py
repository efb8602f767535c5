"""Which of a ruleset's workloads and variants can be run here, and how the others are refused."""

from __future__ import annotations

import contextlib

from kit import registry
from kit.errors import InvalidFile, NotAvailable, UnknownName, UsageError
from kit.rules.ruleset import Ruleset, WorkloadRules


def available_workloads(ruleset: Ruleset) -> list[str]:
    """Return the workloads of a ruleset that are built at its scale.

    One whose `workload.yaml` is not valid is among them: choosing it gives the error.
    """
    available = []
    for name in (name for name in ruleset.workloads if name in registry.workload_names()):
        with contextlib.suppress(InvalidFile):
            if ruleset.scale not in registry.workload_manifest(name).scales:
                continue
        available.append(name)
    return available


def workload_rules(ruleset: Ruleset, workload: str, variant: str | None) -> WorkloadRules:
    """Return the rules of a workload or its variant, if it can be run under this ruleset.

    Raises:
        UnknownName: the ruleset does not have it.
        NotAvailable: the ruleset has it, but it is not built yet.
        InvalidFile: its `workload.yaml` is not valid.
    """
    if workload not in ruleset.workloads and workload not in ruleset.planned:
        _hint_at_variant(ruleset, workload)
        raise UnknownName("workload", workload, available_workloads(ruleset), "--workload")
    built = workload in registry.workload_names()
    if not built or ruleset.scale not in registry.workload_manifest(workload).scales:
        missing = f"not built at scale {ruleset.scale}" if built else "not built"
        available = ", ".join(available_workloads(ruleset)) or "(none)"
        raise NotAvailable(
            f"Workload {workload!r} is part of ruleset {ruleset.name} but {missing} yet. "
            f"Choose one of: {available}. Received: --workload={workload}."
        )
    rules = ruleset.workloads[workload]
    if variant is not None:
        _check_variant(ruleset, workload, variant)
    return rules.for_variant(variant)


def _hint_at_variant(ruleset: Ruleset, label: str) -> None:
    for base, rules in ruleset.workloads.items():
        variant = label.removeprefix(f"{base}_")
        if variant in rules.variants:
            raise UsageError(
                f"Unknown workload {label!r}: it is a variant. Use --workload={base} "
                f"--variant={variant}. Received: --workload={label}."
            )


def _check_variant(ruleset: Ruleset, workload: str, variant: str) -> None:
    known = ruleset.workloads[workload].variants
    if variant not in known:
        raise UnknownName(f"variant of {workload}", variant, known, "--variant")
    built = registry.workload_manifest(workload).variants
    if variant not in built:
        choices = ", ".join(name for name in known if name in built) or "(none)"
        raise NotAvailable(
            f"Variant {variant!r} of {workload} is part of ruleset {ruleset.name} but not built "
            f"yet. Choose one of: {choices}. Received: --variant={variant}."
        )
