"""The ledger's head for a third party to keep: each version of an artifact is one head.

W&B dates a version by its own clock, so whoever kept the ledger cannot drop an attempt that had
been seen to start. A head binds all lines before it, so only the newest is sent: what a lost
connection held back is caught up with one version.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kit.errors import InvalidFile
from kit.mirror.bundle import Bundle
from kit.mirror.replay import Replay
from kit.mirror.worker import Answer
from kit.records.files import read_file
from kit.records.ledger_entry import Entry, parse_entry

WITNESS_TYPE = "stopwatch-witness"
ENTRY = "entry.json"
POLL_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Head:
    """The last line of a ledger, and the ledger's name."""

    ledger: str
    entry: Entry


def read_head(path: Path) -> Head | None:
    """Read the last complete line of a ledger; None while there is none.

    Raises:
        InvalidFile: the file cannot be read, or its first or last line is not an entry.
    """
    if not path.exists():
        return None
    complete = read_file(path).rpartition(b"\n")[0]
    if not complete:
        return None
    try:
        first = parse_entry(complete.partition(b"\n")[0] + b"\n")
        last = parse_entry(complete.rpartition(b"\n")[2] + b"\n")
    except ValueError as error:
        raise InvalidFile(f"{path}: not a ledger: {error}. Run `kit verify` on it.") from None
    return Head(str(first.body.get("ledger", "")), last)


def collection_of(ledger: str) -> str:
    """Return the name under which the heads of a ledger are kept, and their run's id."""
    return f"witness-{ledger}"


def witness_replay(head: Head) -> Replay:
    """Return the run that carries a head; all heads of a ledger have the same."""
    name, entry = collection_of(head.ledger), head.entry
    bundle = Bundle(
        name=name,
        type=WITNESS_TYPE,
        alias=f"head-{entry.sha256[:16]}",
        description="The ledger's last line as it was then. The server's date is what counts.",
        metadata={"index": str(entry.index), "head": entry.sha256, "ledger_time": entry.time},
        files={ENTRY: entry.line},
    )
    return Replay(
        run_id=name,
        name=f"witness {head.ledger[:8]}",
        group="ledgers",
        job_type="witness",
        tags=["witness"],
        config={"ledger": head.ledger},
        summary={"entries": entry.index + 1, "head": entry.sha256},
        bundle=bundle,
    )


class Follower:
    """Sends the head of the ledger in `path` whenever it is a new one, until all ends."""

    def __init__(
        self,
        path: Path,
        send: Callable[[Replay], Answer],
        *,
        tell: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._send = send
        self._tell = tell
        self._now = now
        self._sent = ""
        self._pause_seconds = POLL_SECONDS
        self._not_before = 0.0

    def step(self) -> bool:
        """Send what is new; tell whether W&B has the newest head."""
        head = read_head(self._path)
        if head is None or head.entry.sha256 == self._sent:
            return True
        if self._now() < self._not_before:
            return False
        answer = self._send(witness_replay(head))
        if answer.problem:
            self._tell(f"not witnessed yet: entry {head.entry.index + 1}: {answer.problem}")
            self._not_before = self._now() + self._pause_seconds
            self._pause_seconds = min(_LONGEST_PAUSE_SECONDS, 2 * self._pause_seconds)
            return False
        self._pause_seconds = POLL_SECONDS
        self._sent = head.entry.sha256
        self._tell(f"witnessed: {head.entry.kind}, entry {head.entry.index + 1}")
        return True

    def follow(self, ended: Callable[[float], bool], *, linger_seconds: float) -> bool:
        """Send heads until `ended`, and what is left within `linger_seconds` of that.

        Args:
            ended: waits so many seconds at most, and tells whether the run is over.
            linger_seconds: how long to go on for heads that did not get through.

        Returns:
            whether W&B has the newest head.
        """
        while not ended(POLL_SECONDS):
            self.step()
        deadline = self._now() + linger_seconds
        while not (done := self.step()) and self._now() < deadline:
            time.sleep(POLL_SECONDS)
        return done
