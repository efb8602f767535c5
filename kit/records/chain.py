"""Verification of a whole ledger: every line, link and signature, and their history."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.errors import VerificationError
from kit.records.attempts import REPEATABLE
from kit.records.files import read_regular
from kit.records.ledger import Attempt, pair_attempts
from kit.records.ledger_entry import GENESIS, Entry, Identification, parse_entry
from kit.records.signing import PublicKey


@dataclass(frozen=True)
class Chain:
    """A ledger as far as it is sound, and the first thing that is wrong with it."""

    path: Path
    entries: tuple[Entry, ...]
    problem: str | None  # names the line and says why

    @functools.cached_property
    def keys(self) -> list[PublicKey]:
        """Return the keys that signed entries, in order of first use."""
        return [PublicKey(hex) for hex in dict.fromkeys(e.public_key for e in self.entries)]

    def attempts(self) -> list[Attempt]:
        """Return all attempts, in the order of their starts."""
        return list(self._attempts)

    def attempts_at(self, folder: str) -> list[Attempt]:
        """Return the attempts at the trial of a folder, in the order of their starts."""
        return self._by_folder.get(folder, [])

    @functools.cached_property
    def studies(self) -> tuple[Entry, ...]:
        """Return the commitments to studies."""
        return tuple(entry for entry in self.entries if entry.kind == "study")

    @functools.cached_property
    def _attempts(self) -> tuple[Attempt, ...]:  # each record asks: 5,000 times on a leaderboard
        return tuple(pair_attempts(list(self.entries)))

    @functools.cached_property
    def _by_folder(self) -> dict[str, list[Attempt]]:
        found: dict[str, list[Attempt]] = {}
        for attempt in self._attempts:
            found.setdefault(attempt.identification.folder, []).append(attempt)
        return found


def verify_chain(path: Path) -> Chain:
    """Check the ledger in the file `path`."""
    try:
        lines = read_regular(path).split(b"\n")
    except VerificationError as error:
        return Chain(path, (), str(error).rstrip("."))
    entries: list[Entry] = []
    for number, line in enumerate(lines, start=1):
        torn = number == len(lines)
        if torn and not line:
            break
        try:
            entries.append(_linked(line + (b"" if torn else b"\n"), entries))
        except ValueError as error:
            return Chain(path, tuple(entries), f"line {number}: {error}")
    if not entries:
        return Chain(path, (), "is empty: it has lost its entries")
    return Chain(path, tuple(entries), next(_history_problems(entries), None))


def _linked(line: bytes, before: list[Entry]) -> Entry:
    """Parse a line and check its place, link and signature; raises ValueError."""
    entry = parse_entry(line)
    if entry.index != len(before):
        raise ValueError(
            f"index is {entry.index}, but {len(before)} comes here: a line was removed, added or "
            "moved"
        )
    if entry.previous != (before[-1].sha256 if before else GENESIS):
        raise ValueError("previous is not the digest of the line before it")
    entry.check_signature()
    return entry


def _history_problems(entries: list[Entry]) -> Iterator[str]:
    """Yield what cannot have happened, in the order of the lines."""
    begun: dict[Identification, set[str]] = {}  # -> which entries it has
    numbers: set[tuple[object, ...]] = set()
    for number, entry in enumerate(entries, start=1):
        if (entry.kind == "genesis") != (number == 1):
            yield f"line {number}: the first entry, and no other, must be of kind 'genesis'"
        if entry.kind == "start":
            which = entry.identification
            if (which.folder, which.attempt) in numbers:
                yield f"line {number}: {which} was started twice"
            numbers.add((which.folder, which.attempt))
            begun.setdefault(which, set())
        elif entry.kind in ("clock", "end"):
            which = entry.identification
            what = "ended" if entry.kind == "end" else "started its clock"
            if which not in begun:
                yield f"line {number}: {which} {what}, but no such attempt was started"
                continue
            if entry.kind in begun[which]:
                yield f"line {number}: {which} {what} twice"
            elif "end" in begun[which]:
                yield f"line {number}: {which} {what} after its end"
            begun[which].add(entry.kind)


def repeated_without_interruption(attempts: list[Attempt]) -> list[Attempt]:
    """Return attempts at a trial of which an earlier attempt had come to a result.

    Only an attempt that was interrupted, stopped early, or never ended, may be followed by another.
    """
    finished: set[str] = set()
    repeated = []
    for attempt in attempts:
        folder = attempt.identification.folder
        if folder in finished:
            repeated.append(attempt)
        if attempt.state not in REPEATABLE:
            finished.add(folder)
    return repeated
