"""What there is to send: verified records and the ledgers that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kit.errors import UsageError, VerificationError
from kit.mirror.bundle import read_record_files
from kit.mirror.replay import Replay, ledger_replay, replay_of
from kit.records.against_ledger import find_ledger
from kit.records.chain import verify_chain
from kit.records.findings import TreeReport, VerificationReport
from kit.records.signing import PublicKey
from kit.records.tree import holds_evidence, verify_tree

_SHOWN = 3  # problems in one message


@dataclass(frozen=True)
class Task:
    """One run that is to be there; `make` reads what it needs when its turn comes."""

    label: str
    make: Callable[[], Replay]


@dataclass(frozen=True)
class Plan:
    """All runs, and what a reader must know of them."""

    tasks: tuple[Task, ...]
    records: int
    notices: tuple[str, ...]


def plan_upload(
    paths: Sequence[Path],
    *,
    unverified: bool = False,
    trusted: Sequence[PublicKey] = (),
    must_trust: bool = False,
) -> Plan:
    """Verify everything below `paths` and return the runs to send, ledgers last.

    Args:
        paths: of results folders, or of parts of them.
        unverified: take what does not verify, too; its runs are tagged so.
        trusted: keys whose owner is known.
        must_trust: another key is then a problem.

    Raises:
        UsageError: there is nothing to send.
        VerificationError: something does not match, and `unverified` is false.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such folder. Give results/, or a part of it.")
        if not holds_evidence(path):
            raise UsageError(f"{path} holds no record and no ledger. Give results/, or a part.")
    trees = [verify_tree(path, trusted=trusted, must_trust=must_trust) for path in paths]
    problems = [text for tree in trees for text in _problems(tree)]
    if problems and not unverified:
        more = " …" if len(problems) > _SHOWN else ""
        listed = " ".join(problems[:_SHOWN])
        raise VerificationError(
            f"What does not match: {len(problems)}; so nothing is sent: {listed}{more} Run `kit "
            "verify` to see all; --unverified sends it all the same, tagged so."
        )
    reports = {r.path.resolve(): r for tree in trees for r in tree.records}
    readable = [report for report in reports.values() if report.record is not None]
    notices = [f"UNVERIFIED: {text}" for text in problems]
    notices += [
        f"{report.path}: the record cannot be read, so it is not sent."
        for report in reports.values()
        if report.record is None
    ]
    tasks = [Task(_label(report), _maker(report)) for report in readable]
    return Plan((*tasks, *_ledgers(paths)), len(readable), tuple(notices))


def _maker(report: VerificationReport) -> Callable[[], Replay]:
    return lambda: replay_of(report, read_record_files(report))


def _ledgers(paths: Sequence[Path]) -> list[Task]:
    """Return one task for each ledger, as it stood when its records were verified."""
    found = [find_ledger(path.resolve()) for path in paths]
    replays = [ledger_replay(verify_chain(path)) for path in dict.fromkeys(found) if path]
    return [Task(replay.name, partial(_same, replay)) for replay in replays]


def _same(replay: Replay) -> Replay:
    return replay


def _label(report: VerificationReport) -> str:
    record = report.record
    assert record is not None
    attempt = f", attempt {record.attempt}" if record.attempt > 1 else ""
    where = f"study {record.study}, trial {record.trial}{attempt}"
    return f"{record.submission} on {record.id.label}, {where}"


def _problems(tree: TreeReport) -> list[str]:
    """Return what is wrong, each thing once: a ledger's problem is that of all its records."""
    found = [f"{tree.path / finding.file}: {finding.sentence}" for finding in tree.problems]
    for report in tree.records:
        own = [finding for finding in report.problems if finding not in tree.findings]
        found += [f"{report.path / finding.file}: {finding.sentence}" for finding in own]
    return found
