"""Heads that W&B dated against the ledger: what it saw in time, and what it saw that is gone. Pure.

An attempt is witnessed when W&B saw its start, and its end, at most `TOLERANCE_SECONDS` after the
time that the ledger gives each, and its start before its end. A head stands for all lines before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kit.errors import VerificationError
from kit.mirror.witness import ENTRY, collection_of
from kit.records.chain import Chain
from kit.records.files import read_regular
from kit.records.findings import Finding
from kit.records.ledger import Attempt
from kit.records.ledger_entry import Entry, Identification, parse_entry
from kit.review.copies import VersionCopy

TOLERANCE_SECONDS = 60.0  # both clocks' errors, and the time that an upload takes


@dataclass(frozen=True)
class Sighting:
    """A head that W&B has, with its own date."""

    name: str
    time: datetime
    entry: Entry


@dataclass(frozen=True)
class Testimony:
    """What the heads say about one ledger."""

    findings: tuple[Finding, ...]
    witnessed: frozenset[Identification]  # attempts; all others are self-attested


def hear(ledger: str, chain: Chain, versions: Sequence[VersionCopy]) -> Testimony:
    """Compare the heads that W&B has of a ledger with its lines.

    Args:
        ledger: its name.
        chain: the ledger, sound as a whole.
        versions: of the collection of its heads, oldest first.
    """
    where = collection_of(ledger)
    if not versions:
        text = "No head was recorded by W&B as the run went: all attempts are self-attested."
        return Testimony((Finding("witness", "note", where, text),), frozenset())
    problems, sightings = _sightings(chain, versions)
    problems += _gaps(where, versions)
    fitting = []
    for sighting in sightings:
        if text := _contradiction(sighting, chain):
            problems.append(Finding("witness", "problem", sighting.name, text))
        else:
            fitting.append(sighting)
    attempts = chain.attempts()
    seen = frozenset(a.identification for a in attempts if _in_time(a, fitting))
    text = (
        f"{len(seen)} of {len(attempts)} attempts are witnessed: W&B's clock saw start and end "
        f"within {TOLERANCE_SECONDS:g} s."
    )
    summary = Finding("witness", "ok" if len(seen) == len(attempts) else "note", where, text)
    return Testimony((*problems, summary), seen)


def _sightings(
    chain: Chain, versions: Sequence[VersionCopy]
) -> tuple[list[Finding], list[Sighting]]:
    keys = {key.hex for key in chain.keys}
    problems, sightings = [], []
    for version in versions:
        try:
            sightings.append(_sighting(version, keys))
        except ValueError as error:
            problems.append(Finding("witness", "problem", version.name, f"{error}."))
    return problems, sightings


def _sighting(version: VersionCopy, keys: set[str]) -> Sighting:
    if version.files is None:
        raise ValueError(f"The head {version.problem}")
    try:
        entry = parse_entry(read_regular(version.files / ENTRY))
        entry.check_signature()
    except (ValueError, VerificationError) as error:
        raise ValueError(f"This is no line of a ledger: {str(error).rstrip('.')}") from None
    if entry.public_key not in keys:
        raise ValueError("The head was signed by a key that signed nothing in this ledger")
    return Sighting(version.name, _time(version.created_at), entry)


def _gaps(where: str, versions: Sequence[VersionCopy]) -> list[Finding]:
    there = {version.version for version in versions}
    gone = sorted(set(range(max(there) + 1)) - there)
    if not gone:
        return []
    named = ", ".join(f"v{number}" for number in gone)
    text = f"Heads that W&B had recorded were deleted there: {named}."
    return [Finding("witness", "problem", where, text)]


def _contradiction(sighting: Sighting, chain: Chain) -> str:
    """Say how a head contradicts the ledger; empty where it fits."""
    entry, seen = sighting.entry, sighting.time.isoformat(timespec="seconds")
    if entry.index >= len(chain.entries):
        return (
            f"W&B saw entry {entry.index + 1} ({_words(entry)}) at {seen}, but the ledger here "
            f"ends with entry {len(chain.entries)}: it was cut off, or its latest state was not "
            "uploaded."
        )
    if chain.entries[entry.index].sha256 != entry.sha256:
        return (
            f"The ledger was rewritten: at {seen} W&B saw another entry {entry.index + 1} "
            f"({_words(entry)}) than the ledger has now."
        )
    return ""


def _in_time(attempt: Attempt, sightings: Sequence[Sighting]) -> bool:
    if attempt.end is None:
        return False
    times = [_first_seen(entry, sightings) for entry in (attempt.start, attempt.end)]
    try:
        entered = [_time(attempt.start.time), _time(attempt.end.time)]
    except ValueError:  # a ledger's time is any text that its keeper signed
        return False
    for seen, told in zip(times, entered, strict=True):
        if seen is None or abs((seen - told).total_seconds()) > TOLERANCE_SECONDS:
            return False
    start, end = times
    return start is not None and end is not None and start < end


def _first_seen(entry: Entry, sightings: Sequence[Sighting]) -> datetime | None:
    return min((s.time for s in sightings if s.entry.index >= entry.index), default=None)


def _time(text: str) -> datetime:
    """Parse ISO 8601; a time without a zone is UTC; raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _words(entry: Entry) -> str:
    if entry.kind in ("start", "clock", "end"):
        return f"{entry.kind} of {entry.identification}"
    return entry.kind
