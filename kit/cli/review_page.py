"""What a review found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import click

from kit.cli.score_data import as_dict as leaderboard_dict
from kit.cli.score_page import Scored, page_of
from kit.records.findings import Finding
from kit.records.plausibility import doubts, first_evaluation
from kit.review.examination import Examined, Review
from kit.text import escape_line

FORMAT = "stopwatch/review/1"
MATCHES, DIFFERS = "MATCHES", "DOES NOT MATCH"


def print_review(address: str, review: Review, scored: Scored | None, refusal: str) -> None:
    """Print the verdict, what does not match by name, and the leaderboard of what is believed."""
    headline, *rest = _lines(address, review)
    click.echo(click.style(escape_line(headline), fg="green" if review.ok else "red", bold=True))
    for line in rest:
        click.echo(escape_line(line))
    if refusal:
        click.echo(f"\nNo leaderboard: {escape_line(refusal)}")
    elif scored is None:
        click.echo("\nNo leaderboard: there is no record that is believed.")
    else:
        page = page_of(scored)
        click.echo("")
        page.print()
        for notice in page.notices:
            click.echo(escape_line(f"  - Note: {notice}"))


def as_dict(address: str, review: Review, scored: Scored | None, refusal: str) -> dict[str, Any]:
    """Return a review as plain JSON."""
    return {
        "format": FORMAT,
        "project": address,
        "ok": review.ok,
        "problems": [_finding(finding) for finding in review.problems],
        "notes": [_finding(finding) for finding in review.notes],
        "records": [_record(record) for record in review.records],
        "ledgers": [
            {
                "name": ledger.name,
                "entries": len(ledger.chain.entries),
                "head": ledger.chain.entries[-1].sha256,
            }
            for ledger in review.ledgers
        ],
        "leaderboard": leaderboard_dict(scored) if scored else None,
        "no_leaderboard_because": refusal or None,
    }


def _lines(address: str, review: Review) -> Iterator[str]:
    problems = review.problems
    if not review.records and not problems:
        yield f"{DIFFERS}: {address} holds no evidence"
        return
    count = len(review.records)
    records = f"{count} record" if count == 1 else f"{count} records"
    if review.ok:
        yield f"{MATCHES}: {address}, {records}"
    else:
        things = "1 thing differs" if len(problems) == 1 else f"{len(problems)} things differ"
        yield f"{DIFFERS}: {address}, {records}, {things}"
    yield ""
    for finding in problems:
        yield f"  - {finding.file} ({finding.check}): {finding.sentence}"
    if problems:
        yield ""
    for word, number in sorted(Counter(_standing(record) for record in review.records).items()):
        yield f"  {number} × {word}"
    for report in (examined.report for examined in review.records if examined.sound):
        if report.record and (first := first_evaluation(report.record, report.evaluations)):
            yield f"  {report.record.id}: first evaluation: {first}"
            yield from (f"    - Note: {text}" for text in doubts(report.record, report.evaluations))
    for finding in review.notes:
        yield f"  - Note: {finding.file}: {finding.sentence}"


def _standing(record: Examined) -> str:
    if not record.sound:
        return record.counts_as
    return f"{record.counts_as}, {'witnessed' if record.witnessed else 'self-attested'}"


def _record(examined: Examined) -> dict[str, Any]:
    record, evaluations = examined.report.record, examined.report.evaluations
    return {
        "run_id": examined.run_id,
        "ok": examined.ok,
        "believed": examined.sound,
        "counts_as": examined.counts_as,
        "witnessed": examined.witnessed,
        "verdict_code": examined.report.verdict_code,
        "signed_by": examined.report.signer.key.hex if examined.report.signer else None,
        "submission": record.submission if record else None,
        "workload": record.id.label if record else None,
        "study": record.study if record else None,
        "trial": record.trial if record else None,
        "attempt": record.attempt if record else None,
        "time_to_target_seconds": record.time_to_target_seconds if record else None,
        "first_evaluation": first_evaluation(record, evaluations) if record else None,
        "doubts": list(doubts(record, evaluations)) if record else [],
        "problems": [_finding(f) for f in examined.findings if f.status == "problem"],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {"check": finding.check, "where": finding.file, "sentence": finding.sentence}
