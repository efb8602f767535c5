"""What may go wrong between the SDK and the server, as a list that a test writes down."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["refuse", "cut", "cut_after", "half"]


@dataclass
class Fault:
    """One disturbance of requests to a stage.

    Attributes:
        stage: a GraphQL operation such as "CommitArtifact", or "file_stream", "put", "get"; "*" is
            every stage.
        kind: "refuse" answers with `status`; "cut" closes the connection unheard; "cut_after" does
            what was asked and closes without an answer; "half" stores half of an upload, says it is
            all there, and so leaves a file that its digest belies.
        status: of the answer, such as 429 or 500.
        times: how many requests are disturbed; None for all from then on.
        after: how many requests to this stage are let through first.
        retry_after_seconds: sent as a header with a refusal.
    """

    stage: str
    kind: Kind = "refuse"
    status: int = 500
    times: int | None = 1
    after: int = 0
    retry_after_seconds: int | None = None


class Faults:
    """The faults that are due, counted as requests come in."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults = list(faults)
        self.hits: list[Fault] = []

    def inject(self, *faults: Fault) -> None:
        """Add faults."""
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    def strike(self, stage: str) -> Fault | None:
        """Return the fault that disturbs this request to `stage`, if one does."""
        with self._lock:
            for fault in self._faults:
                if fault.stage not in (stage, "*"):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times == 0:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                self.hits.append(fault)
                return fault
        return None
