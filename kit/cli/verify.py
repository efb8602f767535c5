"""`kit verify`: check evidence and say in plain words what it proves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths
from kit.errors import UsageError
from kit.text import escape_line

if TYPE_CHECKING:
    from kit.records.findings import Finding, TreeReport, VerificationReport
    from kit.records.record import TrialRecord
    from kit.records.signing import PublicKey

MATCHES, DIFFERS = "VERIFIED", "DOES NOT MATCH"


@click.command(epilog="Example: kit verify results/mini/nadamw/mnist/study_1/trial_1")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--trusted-key", "trusted_keys", multiple=True, metavar="KEY",
    help="A public key that you trust: 64 hexadecimal digits, or a file with those or PEM. May be "
    "repeated; a record signed by a key that is neither among these nor your own then fails. "
    "Without it, an unknown key is only reported.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write the full report as JSON to stdout.")
@click.pass_context
def verify(ctx: click.Context, path: Path, trusted_keys: tuple[str, ...], as_json: bool) -> None:
    """Check the evidence of a record, of a whole results folder, or of an attestation file.

    Checks signature and digests, recomputes state and time to target from the raw evaluations, and
    compares with the ledger. Exits with 1 when anything does not match.
    """
    from kit.records.findings import TreeReport
    from kit.records.signing import local_keys, parse_public_key

    trusted = [parse_public_key(text) for text in trusted_keys] + local_keys(paths.config_root())
    report = _verify(path, trusted, must_trust=bool(trusted_keys))
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=2, allow_nan=False))
    else:
        lines = _tree(report) if isinstance(report, TreeReport) else _record(report)
        headline, *rest = [escape_line(line) for line in lines]
        click.echo(click.style(headline, fg="green" if report.ok else "red", bold=True))
        click.echo("\n".join(rest))
    if not report.ok:
        ctx.exit(1)


def _verify(
    path: Path, trusted: list[PublicKey], *, must_trust: bool
) -> VerificationReport | TreeReport:
    from kit.records.files import ATTESTATION, ATTESTED, TRIAL
    from kit.records.ledger import LEDGER
    from kit.records.tree import holds_evidence, verify_tree
    from kit.records.verify import is_record, verify_envelope, verify_record

    if not path.exists():
        raise UsageError(f"{path}: no such file or folder. Give a record's folder, or results/.")
    if path.is_file():
        beside = path.name in (*ATTESTED, ATTESTATION) and (path.parent / TRIAL).exists()
        if not beside and path.name != LEDGER:
            if path.suffix != ".json":
                _expect_envelope(path)
            return verify_envelope(path, trusted=trusted, must_trust=must_trust)
        path = path.parent
    if is_record(path):
        return verify_record(path, trusted=trusted, must_trust=must_trust)
    if not holds_evidence(path):
        raise UsageError(
            f"{path} holds no record and no ledger. Give the folder of a record (with {TRIAL}), a "
            f"results folder (with {LEDGER}), or an {ATTESTATION}."
        )
    return verify_tree(path, trusted=trusted, must_trust=must_trust)


def _expect_envelope(path: Path) -> None:
    """Raise UsageError if a file is something else than an attestation under another name."""
    try:
        with path.open("rb") as file:
            head = file.read(1024).lstrip()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}. Give a file that you may read.") from None
    if head.startswith(b"{") and b'"payload"' in head:
        return
    what, instead = _NO_EVIDENCE.get(path.suffix.lower(), ("holds no signature", ""))
    raise UsageError(
        f"{path} {what}, so there is nothing in it to verify. {instead}Give the folder of a record "
        "(with trial.json), a results folder (with ledger.jsonl), or an attestation.json."
    )


_ARCHIVE = ("is an archive", "Unpack it first. ")
_NO_EVIDENCE = {  # suffix -> what such a file is, and what to do first
    ".html": (
        "is a page made from records",
        "Its verdict codes are those that `kit verify` prints for each record: compare them. ",
    ),
    ".csv": ("is a table made from records", ""),
    ".md": ("is a text made from records", ""),
    ".jsonl": ("is not named ledger.jsonl", "Name it so if it is one. "),
    **dict.fromkeys((".png", ".svg", ".pdf"), ("is a figure made from records", "")),
    **dict.fromkeys((".zip", ".gz", ".tar", ".tgz"), _ARCHIVE),
}


def _record(report: VerificationReport) -> Iterator[str]:
    record = report.record
    title = _title(record) if record else str(report.path)
    if not report.ok:
        yield f"{DIFFERS}: {title}"
        yield ""
        yield from _listed(report.problems)
        yield ""
        yield "So nothing that this record claims can be believed."
        return
    from kit.records.plausibility import first_evaluation

    trusted = report.signer is not None and report.signer.trusted
    yield f"{MATCHES if trusted else MATCHES + ' (integrity only, unknown key)'}: {title}"
    yield ""
    if record is not None:
        yield from _claims(record)
        if first := first_evaluation(record, report.evaluations):
            yield f"  first         {first}"
    yield from (f"  ledger        {text}" for text in _entered(report.findings))
    yield f"  verdict code  {report.verdict_code}"
    if report.signer is not None:
        known = "trusted" if trusted else "a name that anyone can choose"
        yield f"  signed by     {report.signer.name} ({known})"
        yield f"  key id        {report.signer.key.key_id}"
    yield ""
    passed = [finding.check for finding in report.findings if finding.status == "ok"]
    yield f"{len(passed)} checks passed: {', '.join(dict.fromkeys(passed))}."
    yield from _listed(report.findings, status="note")


def _claims(record: TrialRecord) -> Iterator[str]:
    yield f"  state         {record.state}: {record.reason}"
    reached = record.time_to_target_seconds
    if reached is not None:
        yield f"  time          {reached:.3f} s to the target, reported step {record.steps}"
    else:
        budget = f"{record.rules.max_runtime_seconds:g} s"
        yield f"  time          target missed in {record.submission_seconds:.3f} s of {budget}"
    reasons = "; ".join(record.unofficial_reasons)
    kept = "the run kept every condition; it counts if an organiser's key has signed it"
    yield f"  official      {kept if record.official else f'no: {reasons}'}"
    yield f"  isolation     {record.isolation}"


def _entered(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield where the ledger tells of this record."""
    for finding in findings:
        if finding.check == "ledger entries" and finding.status == "ok":
            yield f"{finding.sentence} Self-attested: kept by those who ran the trial."
        if finding.check == "ledger seen" and finding.status == "note":
            yield "not seen"


def _tree(report: TreeReport) -> Iterator[str]:
    bad = [record for record in report.records if not record.ok]
    if report.ok:
        unknown = [r for r in report.records if r.signer is None or not r.signer.trusted]
        remark = f" ({len(unknown)} with an unknown key: integrity only)" if unknown else ""
        yield f"{MATCHES}: {_records(len(report.records))} below {report.path}{remark}"
    elif bad:
        yield f"{DIFFERS}: {len(bad)} of {_records(len(report.records))} below {report.path}"
    else:
        yield f"{DIFFERS}: {report.path}"
    yield ""
    yield from _listed(report.problems)
    for entry in report.records:
        name = entry.path.relative_to(report.path)
        state = entry.record.state if entry.record else "unreadable"
        mark = "ok     " if entry.ok else "PROBLEM"
        yield f"  {mark} {name}  {state}  {entry.verdict_code or 'no verdict code'}"
        # What is wrong with the ledger is the whole folder's problem, told once.
        own = [finding for finding in entry.problems if finding not in report.findings]
        yield from (f"      {line}" for line in _listed(own))
    yield from _listed(report.findings, status="note")


def _records(count: int) -> str:
    return f"{count} record" if count == 1 else f"{count} records"


def _title(record: TrialRecord) -> str:
    return (
        f"{record.submission} on {record.id.label}, ruleset {record.rules.ruleset}, "
        f"study {record.study}, trial {record.trial}, attempt {record.attempt}"
    )


def _listed(findings: Iterable[Finding], status: str = "problem") -> Iterator[str]:
    word = "Note: " if status == "note" else ""
    for finding in findings:
        if finding.status == status:
            yield f"  - {word}{finding.file}: {finding.sentence}"
