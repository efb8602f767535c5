"""What a reader must know before anything else: can it be believed, and how did it come about?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kit.records.findings import VerificationReport
from kit.records.record import TrialState
from kit.records.signing import DEVELOPMENT_KEY
from kit.report.facts import Facts
from kit.scoring.reading.conditions import conditions_of

Level = Literal["good", "care", "bad"]
_SHOWN = 8  # different values of one condition, or reasons


@dataclass(frozen=True)
class Line:
    """One question with its answer; `level` marks it."""

    question: str
    answer: str
    level: Level = "good"


@dataclass(frozen=True)
class Verdict:
    """The first thing on a page."""

    level: Level
    headline: str
    lines: tuple[Line, ...]


def verdict_of(facts: Facts) -> Verdict:
    """Return the verdict on everything that was read."""
    lines = tuple(_lines(facts))
    levels = [line.level for line in lines]
    level: Level = "bad" if "bad" in levels else "care" if "care" in levels else "good"
    return Verdict(level, _headline(facts, level), lines)


def _lines(facts: Facts) -> Iterator[Line]:
    reports = reports_of(facts)
    yield _verified(facts, reports)
    yield _official(facts, reports)
    if reports:
        yield _signed_by(reports)
        yield _ledger(facts, reports)
        yield from _conditions(reports)
    yield _trials(facts)
    ruleset = facts.loaded.ruleset
    yield Line(
        "Ruleset",
        f"{ruleset.name}, version {ruleset.version}, sha256 {ruleset.sha256[:16]}…,"
        f" {facts.loaded.tuning} tuning",
    )


def reports_of(facts: Facts) -> list[VerificationReport]:
    """Return what verification found about each record; nothing of logs."""
    return [trial.report for trial in facts.trials if trial.report]


def trust_of(report: VerificationReport | None) -> str:
    """Return the signature's status in two words."""
    if report is None:
        return "not signed"
    if report.problems:
        return "does not match"
    return "known key" if report.signer and report.signer.trusted else "unknown key"


def _headline(facts: Facts, level: Level) -> str:
    if facts.loaded.form != "records":
        return "Not verifiable: logs carry no signatures. Believe them as far as their source."
    if level == "bad":
        return "UNVERIFIED: what is shown here is not as it was signed, or cannot be checked."
    if any(trust_of(report) == "unknown key" for report in reports_of(facts)):
        return "Unaltered since it was signed; who signed it, you must know from elsewhere."
    if level == "care":
        return "Verified, with reservations: read the marked lines."
    return "Verified: signed by keys that are known here, and every number recomputed."


def _verified(facts: Facts, reports: Sequence[VerificationReport]) -> Line:
    question = "Verified?"
    if facts.loaded.form != "records":
        return Line(question, f"No: read from {facts.loaded.form}, which nobody signed.", "care")
    bad = [report for report in reports if report.problems]
    counted = _count(len(reports), "record")
    if bad:
        return Line(question, f"No: {len(bad)} of {counted} do not match. Each names why.", "bad")
    if facts.loaded.verified is False:
        problems = sum(notice.startswith("UNVERIFIED") for notice in facts.loaded.notices)
        if problems:
            return Line(question, f"No: {problems} things do not match; see the notes.", "bad")
    if not reports:
        return Line(question, "There is no record.", "bad")
    return Line(
        question,
        f"Yes: signatures, digests, ledger and every derived number of {counted} match.",
    )


def _official(facts: Facts, reports: Sequence[VerificationReport]) -> Line:
    question = "Official?"
    records = [report.record for report in reports if report.record]
    if facts.loaded.form != "records":
        return Line(question, "Unknown: logs do not say under which conditions they ran.", "care")
    if not records:
        return Line(question, "No: there is no record.", "bad")
    others = [record for record in records if not record.official]
    if not others:
        kept = f"{_count(len(records), 'record')} ran under all conditions of the ruleset"
        if any(report.problems for report in reports):
            return Line(question, f"Unknown: {kept}, if what does not match were true.", "bad")
        if any(report.signer and report.signer.name == DEVELOPMENT_KEY for report in reports):
            words = f"{kept}, but a development key signed: no organiser stands behind it."
            return Line(question, words, "care")
        return Line(question, f"{kept}: official if an organiser's key signed.")
    reasons = Counter(reason for record in others for reason in record.unofficial_reasons)
    return Line(
        question, f"No: {len(others)} of {len(records)} are not official: {_listed(reasons)}.",
        "care",
    )  # fmt: skip


def _signed_by(reports: Sequence[VerificationReport]) -> Line:
    found: Counter[str] = Counter()
    for report in reports:
        if report.signer is None:
            found["nobody"] += 1
            continue
        known = "known here" if report.signer.trusted else "UNKNOWN, the name is a claim"
        found[f"{report.signer.name} ({known}; key id {report.signer.key.key_id[:16]}…)"] += 1
    unknown = any(not (r.signer and r.signer.trusted) for r in reports)
    return Line("Signed by", _listed(found), "care" if unknown else "good")


def _ledger(facts: Facts, reports: Sequence[VerificationReport]) -> Line:
    notes = [f for r in reports for f in r.findings if f.check.startswith("ledger")]
    problems = {finding.check for finding in notes if finding.status == "problem"}
    if problems - {"ledger seen"}:
        return Line("Ledger", "It does not match the records.", "bad")
    level: Level = "bad" if problems else "care"
    entered = sum(f.check == "ledger entries" and f.status == "ok" for f in notes)
    if not entered:
        return Line("Ledger", "None: nothing tells whether records were left out.", level)
    if entered < len(reports):
        words = f"Only {entered} of {_count(len(reports), 'record')} can be found in a ledger."
        return Line("Ledger", words, level)
    gone = sum(trial.report is None for trial in facts.trials)
    if gone:
        words = f"It lists {_count(gone, 'attempt')} of which there is no record here."
        return Line("Ledger", words, "care")
    return Line(
        "Ledger",
        "Every record is entered with start and end. Self-attested: kept by those who ran the"
        " trials.",
    )


def _conditions(reports: Sequence[VerificationReport]) -> Iterator[Line]:
    every = [conditions_of(report) for report in reports if report.record]
    names = {
        "isolation": "Isolation",
        "image_digest": "Referee's image",
        "trainer_image_digest": "Trainer's image",
        "hardware": "Hardware",
        "kit_version": "Kit",
    }
    for key, question in names.items():
        values = Counter(conditions[key] for conditions in every)
        weak = key == "isolation" and any(value in ("process", "inline") for value in values)
        mixed = len(values) > 1
        words = _listed(values) if mixed else next(iter(values), "unknown")
        if words == "none":
            words = "none: not run in a container"
        yield Line(question, words, "care" if mixed or weak else "good")


def _trials(facts: Facts) -> Line:
    missing = sum(len(entry.trials) for entry in facts.loaded.results.missing())
    states = Counter(trial.state.replace("_", " ") for trial in facts.trials)
    scored = any(trial.scored for trial in facts.trials)
    words = f"{_count(len(facts.trials), 'attempt')}: {_listed(states)}"
    if missing and scored:
        return Line("Trials", f"{words}; {_count(missing, 'trial')} owed and missing", "care")
    broken = any(trial.state == TrialState.RULE_VIOLATION for trial in facts.trials)
    return Line("Trials", words, "care" if broken else "good")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    shown = [f"{text} ({count:,})" for text, count in counts.most_common(_SHOWN)]
    more = len(counts) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
