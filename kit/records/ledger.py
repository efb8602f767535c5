"""The ledger: an append-only hash chain of what was started and how it ended.

One writer at a time, held off by a lock on `ledger.lock` during an append only. A line is written
with one system call and is on the disk before `append` returns. A power cut can leave a torn last
line, which was never acknowledged: the next append moves it to `ledger.torn-<n>`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kit.errors import TrialError, UsageError, VerificationError
from kit.records.atomic import disk_errors, sync_folder, write_atomic
from kit.records.attempts import Tried
from kit.records.files import read_file
from kit.records.ledger_entry import (
    GENESIS,
    LEDGER_FORMAT,
    EndBody,
    Entry,
    Identification,
    Kind,
    make_entry,
    parse_entry,
)
from kit.records.record import TrialState
from kit.records.signing import SigningKey

LEDGER = "ledger.jsonl"
MAX_LINE_BYTES = 64 * 1024  # more than any entry has
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Attempt:
    """One attempt at a trial, as the ledger knows it; without an end it still runs, or died."""

    start: Entry
    end: Entry | None = None
    clock: Entry | None = None

    @functools.cached_property
    def identification(self) -> Identification:
        """Return which attempt this is."""
        return self.start.identification

    @property
    def state(self) -> TrialState | None:
        """Return how it ended."""
        return self.end.end.state if self.end else None

    @property
    def tells_clock(self) -> bool:
        """Tell whether the ledger says if the clock started; older ones do not."""
        return "format" in self.start.body

    @property
    def tried(self) -> Tried:
        """Return it as the rule about attempts needs it."""
        started = self.clock is not None or not self.tells_clock
        return Tried(self.identification.attempt, self.state, started)


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Ledger:
    """Reads and extends the ledger in the file `path`."""

    def __init__(
        self, path: Path, *, now: Callable[[], str] = utc_now, lock_seconds: float = 10.0
    ) -> None:
        self.path = path
        self._now = now
        self._lock_seconds = lock_seconds

    def append(self, kind: Kind, body: Mapping[str, Any] | BaseModel, key: SigningKey) -> Entry:
        """Enter `body`, signed by `key`; a new ledger gets its genesis entry first.

        Raises:
            UsageError: the body is not what this kind of entry holds, or the kind is "genesis".
            TrialError: another process holds the ledger, or it cannot be written; it is as it was.
            VerificationError: its last line is not an entry.
        """
        if kind == "genesis":
            raise UsageError(
                "The ledger makes its genesis entry itself, before the first other entry."
            )
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), self._opened() as descriptor:
            last = self._cut_to_last_entry(descriptor) or self._begin(descriptor, key)
            return self._write(descriptor, self._signed(kind, body, key, last))

    def identity(self, key: SigningKey) -> str:
        """Return the ledger's random name, from its genesis entry; a new ledger is begun.

        Raises:
            TrialError: a new ledger cannot be written.
            VerificationError: a line is not an entry.
        """
        if self.head() == GENESIS:
            with disk_errors(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked(), self._opened() as descriptor:
                if self._cut_to_last_entry(descriptor) is None:
                    self._begin(descriptor, key)
        with self.path.open("rb") as file:
            return str(self._parse(file.readline(), "line 1").body.get("ledger", ""))

    def repair(self) -> None:
        """Move a torn last line away now, as the next append would; nothing where there is none.

        Raises:
            TrialError: another process holds the ledger, or it cannot be written.
            VerificationError: the last line is not an entry.
        """
        if self.path.exists():
            with self._locked(), self._opened() as descriptor:
                self._cut_to_last_entry(descriptor)

    def _begin(self, descriptor: int, key: SigningKey) -> Entry:
        genesis = {"ledger": secrets.token_hex(16)}
        return self._write(descriptor, self._signed("genesis", genesis, key, None))

    def start(self, attempt: Identification, key: SigningKey) -> Entry:
        """Enter that an attempt starts."""
        return self.append("start", {**attempt.model_dump(), "format": LEDGER_FORMAT}, key)

    def clock(self, attempt: Identification, key: SigningKey) -> Entry:
        """Enter that the clock of an attempt starts, right before it does."""
        return self.append("clock", attempt, key)

    def end(
        self,
        attempt: Identification,
        state: TrialState,
        envelope_sha256: str | None,
        key: SigningKey,
    ) -> Entry:
        """Enter how an attempt ended; `envelope_sha256` is None when no record could be written."""
        fields = {**attempt.model_dump(), "state": state, "envelope_sha256": envelope_sha256}
        return self.append("end", EndBody.model_validate(fields), key)

    def entries(self) -> list[Entry]:
        """Return all entries, signatures and chain unchecked; a torn last line is left out.

        Raises:
            VerificationError: a line is not an entry.
        """
        if not self.path.exists():
            return []
        complete = read_file(self.path).split(b"\n")[:-1]
        return [
            self._parse(line + b"\n", f"line {number}")
            for number, line in enumerate(complete, start=1)
        ]

    def attempts(self, trial: Identification | None = None) -> list[Attempt]:
        """Return the attempts at the same trial as `trial` (same folder), in order; None: all.

        Raises:
            VerificationError: a line is not an entry.
        """
        return pair_attempts(self.entries(), trial)

    def head(self) -> str:
        """Return the digest of the last entry; 64 zeros when there is none.

        Raises:
            VerificationError: the last line is not an entry.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return GENESIS
        try:
            _, line = self._tail(descriptor)
        finally:
            os.close(descriptor)
        return self._parse(line, "the last line").sha256 if line else GENESIS

    def _signed(
        self, kind: Kind, body: Mapping[str, Any] | BaseModel, key: SigningKey, after: Entry | None
    ) -> Entry:
        try:
            return make_entry(kind, body, key, after=after, time=self._now())
        except ValueError as error:
            raise UsageError(f"Not an entry of the ledger: {error}.") from None

    def _parse(self, line: bytes, where: str) -> Entry:
        try:
            return parse_entry(line)
        except ValueError as error:
            raise VerificationError(
                f"{self.path}: {where} is not an entry: {error}. Run `kit verify "
                f"{self.path.parent}` and restore the ledger from a copy."
            ) from None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self.path.with_suffix(".lock")
        with disk_errors(lock):
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        deadline = time.monotonic() + self._lock_seconds
        try:
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise TrialError(
                        f"{lock} has been held by another process for {self._lock_seconds:g} s, so "
                        f"{self.path.name} cannot be written. Wait for it or end it, then repeat."
                    )
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        new = not self.path.exists()
        with disk_errors(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            if new:
                with disk_errors(self.path):
                    sync_folder(self.path.parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _cut_to_last_entry(self, descriptor: int) -> Entry | None:
        """Return the last entry, after moving a torn line behind it away."""
        complete_bytes, line = self._tail(descriptor)
        torn_bytes = os.fstat(descriptor).st_size - complete_bytes
        last = self._parse(line, "the last line") if line else None
        if torn_bytes:
            torn = os.pread(descriptor, torn_bytes, complete_bytes)
            write_atomic(self._next_torn(), torn)
            with disk_errors(self.path):
                os.ftruncate(descriptor, complete_bytes)
                os.fsync(descriptor)
        return last

    def _tail(self, descriptor: int) -> tuple[int, bytes]:
        """Return how many bytes the complete lines have, and the last of them.

        Only the end of the file is read: one line, and one that was torn, fit into it.
        """
        size = os.fstat(descriptor).st_size
        offset = max(0, size - 2 * MAX_LINE_BYTES - 1)
        data = os.pread(descriptor, size - offset, offset)
        end = data.rfind(b"\n") + 1
        begin = data.rfind(b"\n", 0, max(0, end - 1)) + 1
        if offset and not begin:
            raise VerificationError(
                f"{self.path}: its last line is longer than any entry. Run `kit verify "
                f"{self.path.parent}` and restore the ledger from a copy."
            )
        return offset + end, data[begin:end]

    def _next_torn(self) -> Path:
        number = 1
        while (path := self.path.with_name(f"{self.path.stem}.torn-{number}")).exists():
            number += 1
        return path

    def _write(self, descriptor: int, entry: Entry) -> Entry:
        line = entry.line
        size = os.fstat(descriptor).st_size
        with disk_errors(self.path):
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        return entry


def pair_attempts(entries: list[Entry], trial: Identification | None = None) -> list[Attempt]:
    """Return starts with their clocks and ends."""
    attempts: dict[Identification, Attempt] = {}
    for entry in entries:
        if entry.kind not in ("start", "clock", "end"):
            continue
        which = entry.identification
        if trial is not None and which.folder != trial.folder:
            continue
        if entry.kind == "start":
            attempts.setdefault(which, Attempt(entry))
        elif which in attempts and getattr(attempts[which], entry.kind) is None:
            attempts[which] = replace(attempts[which], **{entry.kind: entry})
    return list(attempts.values())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
