"""Progress for programs: one JSON object a line; numbers that are not finite are strings."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from kit.planning.request import TrialPlan
    from kit.records.record import Evaluation
    from kit.referee.events import Outcome, Progress


def finite(value: Any) -> Any:
    """Return `value` with NaN and infinities as strings: JSON has no numbers for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


class JsonLinesView:
    """Writes every event as {"event": …}; an `Observer`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def started(self, plan: TrialPlan, *, isolation: str, attempt: int, folder: Path) -> None:
        """Write what runs, and where its record will lie."""
        self._write(
            "started",
            workload=plan.id.label,
            submission=plan.submission.name,
            ruleset=plan.ruleset.name,
            study=plan.id.study,
            trial=plan.id.trial,
            isolation=isolation,
            attempt=attempt,
            folder=str(folder),
        )

    def note(self, message: str) -> None:
        """Write a message."""
        self._write("note", message=message)

    def progress(self, progress: Progress) -> None:
        """Write a moment."""
        self._write("progress", **dataclasses.asdict(progress))

    def evaluated(self, evaluation: Evaluation) -> None:
        """Write an evaluation, with the fields of the record."""
        self._write("evaluated", **evaluation.model_dump())

    def finished(self, outcome: Outcome) -> None:
        """Write how it ended."""
        self._write("finished", state=outcome.record.state.value, folder=str(outcome.folder))

    def close(self) -> None:
        """Nothing to give back."""

    def _write(self, event: str, **fields: Any) -> None:
        try:
            print(
                json.dumps({"event": event, **finite(fields)}, allow_nan=False),
                file=self._stream,
                flush=True,
            )
        except OSError:  # the reader is gone; the trial goes on
            return
