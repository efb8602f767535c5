"""Follow a referee in its container: its events, line by line, until it ends."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from kit.planning.request import TrialPlan
from kit.records.record import Evaluation
from kit.referee.events import Observer, Progress

POLL_SECONDS = 0.2
_KEPT_LINES = 40
_END = object()


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a stream of chunks; the last one also when it is not complete."""
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", errors="replace") for line in complete)
    if rest:
        yield rest.decode("utf-8", errors="replace")


class Follower:
    """Hands the events of a containerised referee to an observer, as if it ran here."""

    def __init__(self, plan: TrialPlan, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._results = plan.request.results
        self.folder: Path | None = None  # of the record, once the referee has said it is written
        self.said: list[str] = []  # what is no event: an error, a crash

    def follow(self, chunks: Iterable[bytes], *, meanwhile: Callable[[], None]) -> None:
        """Read to the end; `meanwhile` is called at least every `POLL_SECONDS`."""
        arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def read() -> None:
            try:
                for line in lines(chunks):
                    arrived.put(line)
            except Exception as error:  # noqa: BLE001 - the connection to the engine broke
                arrived.put(f"The engine's log ended: {error}")
            arrived.put(_END)

        threading.Thread(target=read, daemon=True).start()
        while True:
            meanwhile()
            try:
                item = arrived.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if item is _END:
                return
            self.take(item)

    def take(self, line: str) -> None:
        """Take one line: an event, or something to keep in case it explains a failure."""
        try:
            fields = json.loads(line)
            event = fields.pop("event")
        except (ValueError, KeyError, AttributeError, TypeError):
            if line.strip() and not line.startswith("{"):
                self.said = [*self.said, line][-_KEPT_LINES:]
            return
        handle = getattr(self, f"_{event}", None)
        if handle is not None:
            handle(fields)

    def _started(self, fields: dict[str, Any]) -> None:
        self._observer.started(
            self._plan,
            isolation=fields["isolation"],
            attempt=fields["attempt"],
            folder=self._here(fields["folder"]),
        )

    def _note(self, fields: dict[str, Any]) -> None:
        self._observer.note(fields["message"])

    def _progress(self, fields: dict[str, Any]) -> None:
        self._observer.progress(Progress(**fields))

    def _evaluated(self, fields: dict[str, Any]) -> None:
        self._observer.evaluated(_evaluation(fields))

    def _finished(self, fields: dict[str, Any]) -> None:
        self.folder = self._here(fields["folder"])

    def _here(self, folder: str) -> Path:
        """Return where a folder below /results is on this side."""
        return self._results / Path(folder).relative_to("/results")


def _evaluation(fields: dict[str, Any]) -> Evaluation:
    """Return an evaluation from its JSON form, where NaN and infinities are text."""
    metrics = {name: float(value) for name, value in fields.pop("metrics").items()}
    numbers = {
        name: float(value) if value in ("nan", "inf", "-inf") else value
        for name, value in fields.items()
    }
    return Evaluation.model_validate({**numbers, "metrics": metrics})
