"""What `kit show` prints: facts for programs, and the tables that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kit import registry
from kit.cli.tables import Table, seconds
from kit.rules.availability import available_workloads
from kit.rules.folder import compressed_bytes
from kit.rules.ruleset import Ruleset, WorkloadRules
from kit.rules.submission import SubmissionManifest, load_submission

_RULE_COLUMNS = ("target", "test target", "max runtime", "eval period", "step hint")
_SCHEDULES = {
    "fixed": "due at every multiple of the eval period",
    "after_previous": "due after step 1, then one eval period after the one before",
}


@dataclass(frozen=True)
class Page:
    """Everything about one thing: `facts` is the JSON, of which tables show the nested parts."""

    facts: dict[str, Any]
    tables: Sequence[Table]


def workload_page(name: str, rulesets: Mapping[str, Ruleset]) -> Page:
    """Describe a workload: scales, variants, and its numbers in every ruleset."""
    built = name in registry.workload_names()
    manifest = (
        registry.workload_manifest(name).model_dump(mode="json", exclude_unset=True)
        if built
        else {}
    )
    rules = {
        ruleset: _rules_by_label(name, content.workloads[name])
        for ruleset, content in rulesets.items()
        if name in content.workloads
    }
    facts = {
        "kind": "workload",
        "name": name,
        "built": built,
        "planned_in": [ruleset for ruleset, content in rulesets.items() if name in content.planned],
        **manifest,
        "rules": {
            ruleset: {
                label: rule.model_dump(exclude={"variants"}) for label, rule in labels.items()
            }
            for ruleset, labels in rules.items()
        },
    }
    tables = [
        _sections_table("Scales", "scale", manifest.get("scales") or {}),
        _sections_table("Variants", "variant", manifest.get("variants") or {}),
        *(_rules_table(f"Rules of {ruleset}", labels) for ruleset, labels in rules.items()),
    ]
    return Page(facts, tables)


def submission_page(name: str) -> Page:
    """Describe a submission: its manifest, hyperparameters, files and digest."""
    submission = load_submission(name)
    manifest = submission.manifest
    facts = {
        "kind": "submission",
        **manifest.model_dump(exclude={"tuning"}),
        "files": list(submission.files),
        "compressed_bytes": compressed_bytes(submission.contents),
        "sha256": submission.sha256,
        "hyperparameters": {
            name: one.model_dump(exclude_unset=True) for name, one in submission.declared.items()
        },
        "tuning": manifest.model_dump(include={"tuning"}, exclude_unset=True)["tuning"],
    }
    sizes = [
        (scale, workload, f"{size:,}")
        for scale, by_workload in manifest.batch_sizes.items()
        for workload, size in by_workload.items()
    ]
    declared = [
        (name, "required" if one.is_required else text(one.default), one.allowed, one.meaning)
        for name, one in submission.declared.items()
    ]
    tables = [
        Table("Batch sizes", ("scale", "workload", "examples per step"), sizes),
        Table("Hyperparameters", ("hyperparameter", "default", "allowed", "meaning"), declared),
    ]
    return Page(facts, [*tables, *_tuning_tables(manifest)])


def ruleset_page(ruleset: Ruleset) -> Page:
    """Describe a ruleset: its settings, and the numbers of every workload and variant."""
    available = available_workloads(ruleset)
    facts = {
        "kind": "ruleset",
        **ruleset.model_dump(mode="json"),
        "sha256": ruleset.sha256,
        "available_workloads": available,
    }
    labels = {
        label: rules
        for name, base in ruleset.workloads.items()
        for label, rules in _rules_by_label(name, base).items()
    }
    return Page(facts, [_ruleset_settings(ruleset), _rules_table("Workloads", labels)])


def text(value: Any, depth: int = 0) -> str:
    """Return a value from YAML as short text; deep mappings are shown by their keys alone."""
    if isinstance(value, Mapping):
        if any(isinstance(item, Mapping) for item in value.values()):
            return ", ".join(value)
        return ", ".join(f"{key}: {text(item, depth + 1)}" for key, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        items = ", ".join(text(item, depth + 1) for item in value)
        return f"[{items}]" if depth else items
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tuning_tables(manifest: SubmissionManifest) -> list[Table]:
    tables = []
    for ruleset, tuning in manifest.tuning.items():
        settings: Mapping[str, Any] = tuning.fixed or {}
        if tuning.points is not None:
            settings = {str(number): point for number, point in enumerate(tuning.points, start=1)}
        elif tuning.search_space is not None:
            settings = {
                name: dimension.model_dump(exclude_none=True)
                for name, dimension in tuning.search_space.items()
            }
        form = str(tuning.form)
        title = f"Tuning for ruleset {ruleset}: {form.replace('_', ' ')}"
        kind = "trial" if form == "points" else "hyperparameter"
        tables.append(_settings_table(title, kind, settings))
    return tables


def _ruleset_settings(ruleset: Ruleset) -> Table:
    external, own = ruleset.tuning.external, ruleset.tuning.self_tuning
    evaluation, evaluations = ruleset.evaluation, ruleset.evaluations
    limits, held_out = ruleset.submission_limits, ruleset.held_out
    drawn = f"one each for {held_out.base_workloads} of: " if held_out else ""
    rows = {
        "evaluation": f"{evaluation.device}, at most {evaluation.memory_share:.0%} of its memory",
        "external tuning": f"{external.studies} studies × {external.trials} trials",
        "self-tuning": f"{own.studies} studies, max runtime × {own.runtime_factor:g}",
        "attempts at a trial": str(ruleset.max_attempts),
        "evaluations": _SCHEDULES[evaluations.schedule],
        "reach the target": f"no later than {seconds(evaluations.late_seconds)}, "
        f"or {evaluations.late_period_share:.0%} of the eval period if that is more",
        "CPU time in a pause": f"at most {seconds(ruleset.pause_cpu_tolerance_seconds)}",
        "submission": f"at most {limits.max_bytes:,} bytes, {limits.max_compressed_bytes:,} when "
        f"compressed, {' '.join(limits.suffixes)}",
        "allowed wheels": ", ".join(f"{w.name}=={w.version}" for w in limits.allowed_wheels)
        or "none",
        "held-out variants": drawn + ", ".join(held_out.variants) if held_out else "none",
        "scoring": f"r_max {ruleset.scoring.r_max:g}, reference {ruleset.scoring.reference}",
    }
    return Table("Settings", ("setting", "value"), list(rows.items()))


def _rules_by_label(name: str, rules: WorkloadRules) -> dict[str, WorkloadRules]:
    variants = {f"{name}_{variant}": rules.for_variant(variant) for variant in rules.variants}
    return {name: rules.for_variant(None), **variants}


def _dumped(rules: Mapping[str, WorkloadRules]) -> dict[str, Any]:
    return {label: rule.model_dump(exclude={"variants"}) for label, rule in rules.items()}


def _rules_table(title: str, rules: Mapping[str, WorkloadRules]) -> Table:
    rows = [(label, *_rule_cells(rule)) for label, rule in rules.items()]
    return Table(title, ("workload", *_RULE_COLUMNS), rows)


def _rule_cells(rules: WorkloadRules) -> tuple[str, ...]:
    target = rules.target
    sign = "≥" if target.higher_is_better else "≤"
    return (
        f"{target.metric} {sign} {target.validation:g}",
        "-" if target.test is None else f"{target.test:g}",
        seconds(rules.max_runtime_seconds),
        seconds(rules.eval_period_seconds),
        f"{rules.step_hint:,}",
    )


def _settings_table(title: str, kind: str, settings: Mapping[str, Any]) -> Table:
    rows = [(name, text(value)) for name, value in settings.items()]
    return Table(title, (kind, "settings"), rows)


def _sections_table(title: str, kind: str, sections: Mapping[str, Any]) -> Table:
    rows = [
        (name, key, text(value))
        for name, section in sections.items()
        for key, value in (section or {}).items()
    ]
    return Table(title, (kind, "setting", "value"), rows)
