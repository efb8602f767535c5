"""The piece of a ruleset that a calibration ends in: numbers, and their provenance as comments."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from kit.calibration.document import Answer, Question, spread

_WIDTH = 100
PUBLISHED_TRIALS, PUBLISHED_SEEDS = 200, 20


def fragment(question: Question, answer: Answer, *, document_sha256: str) -> str:
    """Return YAML to be pasted under `workloads:`, or under `variants:` of the workload.

    Args:
        question: what was asked.
        answer: what was found.
        document_sha256: of `calibration.json`, which lists the digest of every record.
    """
    found, spent = answer.targets, answer.budget
    test = "" if found.test is None else f", test: {found.test!r}"
    budget = [
        f"max_runtime_seconds: {spent.max_runtime_seconds!r}",
        f"eval_period_seconds: {spent.eval_period_seconds!r}",
        f"step_hint: {spent.step_hint}",
    ]
    if question.variant is None:
        higher = str(question.higher_is_better).lower()
        target = f"metric: {question.metric}, higher_is_better: {higher}, "
        name, indent = question.workload, "  "
        budget += [] if question.scored else ["scored: false"]
    else:
        target, name, indent = "", question.variant, " " * 6
    lines = [
        f"{name}:",
        f"  target: {{{target}validation: {found.validation!r}{test}}}",
        *(f"  {line}" for line in budget),
    ]
    comments = [
        line
        for sentence in provenance(question, answer, document_sha256)
        for line in textwrap.wrap(
            sentence, _WIDTH - len(indent) - 2, break_long_words=False, break_on_hyphens=False
        )
    ]
    return "".join(f"{indent}{line}\n" for line in [*(f"# {c}" for c in comments), *lines])


def provenance(question: Question, answer: Answer, document_sha256: str) -> Iterator[str]:
    """Yield where the numbers come from, a paragraph at a time."""
    found, spent, facts = answer.targets, answer.budget, answer.circumstances
    yield f"Source: kit calibrate, {_dates(facts)} (docs/calibration.md). {_tuning(question)}"
    lowest, highest = spread(found.best)
    yield (
        f"Best setting: {answer.setting.submission}, {_point(answer.setting.hyperparameters)}. "
        f"Repeated with {_count(question.seeds, 'seed')} (published: {PUBLISHED_SEEDS}), each "
        f"{question.steps.total:,} steps with that as step hint: best validation "
        f"{question.metric} {lowest:.5g} to {highest:.5g}, median {found.median:.5g}; "
        f"{found.reaching} of {question.seeds} reached the target."
        + _failures(answer)
        + ("" if found.test is not None else " No test metric was finite there.")
    )
    yield (
        f"Budget: median submission time {spent.run_seconds:.4g} s, {question.slack:.4g} times of "
        f"which is allowed; the step hint grows alike. An evaluation took "
        f"{spent.evaluation_seconds:.3g} s: {spent.evaluation_share:.0%} of such a run."
    )
    yield f"Machine: {_joined(facts['machines'])}; isolation {_joined(facts['isolation'])}."
    yield (
        f"Kit {_joined(facts['kit_version'])} at {_joined(facts['source'])}; "
        f"{_joined(facts['versions'])}; image {_joined(facts['image_digest'])}; locks "
        + ", ".join(f"{name} sha256 {_joined(found)}" for name, found in _locks(facts))
        + "."
    )
    yield (
        f"Evidence: {_count(facts['records'], 'signed record')}, ledger head "
        f"{facts['ledger_head']}, calibration.json sha256 {document_sha256}."
    )


def _tuning(question: Question) -> str:
    if question.setting_from is not None:
        return f"No tuning: the setting is that of {question.setting_from}."
    trials = f"{_count(question.trials, 'trial')} each (published: {PUBLISHED_TRIALS})"
    return f"{', '.join(question.submissions)} tuned with {trials} over {question.spaces}."


def _failures(answer: Answer) -> str:
    failed = sum(not run.trained_to_the_end for run in answer.repetitions)
    return f" {failed} did not train to the end and count as the worst." if failed else ""


def _dates(facts: Mapping[str, Any]) -> str:
    first, last = (str(facts[key] or "unknown")[:10] for key in ("begun_at", "ended_at"))
    return last if first == last else f"{first} to {last}"


def _point(hyperparameters: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in hyperparameters.items()
    )


def _locks(facts: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    return sorted(facts["lock_sha256"].items())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _joined(values: list[str]) -> str:
    return " and ".join(values) or "unknown"
