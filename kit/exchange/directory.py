"""The exchange directory: fixed names, created by the referee, and the control block."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

SOCKET = "referee.sock"
OUTPUT = "output.sock"  # from another container: what the trainer prints, and how it ended
SUBMISSION = "submission"  # the folder of the code, where it cannot be handed over otherwise
CONTROL = "control"
INITIAL = "initial.safetensors"
WEIGHTS = "weights.safetensors"

_CONTROL_BYTES = 64
_FLAG_OFFSET = 0  # one byte, written by the referee: an evaluation is due
_STEP_OFFSET = 8  # eight bytes, written by the trainer: steps done, for display


class RefereeControl:
    """The referee's side. It never maps the file: a truncated map would kill the process."""

    def __init__(self, directory: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(directory / CONTROL, flags, 0o666)
        os.fchmod(self._descriptor, 0o666)
        os.pwrite(self._descriptor, bytes(_CONTROL_BYTES), 0)

    def set_evaluation_due(self, due: bool) -> None:
        """Raise or lower the flag that the trainer looks at between two steps."""
        os.pwrite(self._descriptor, bytes([due]), _FLAG_OFFSET)

    def step(self) -> int:
        """Return the trainer's own step count; 0 when it cannot be read. For display only."""
        raw = os.pread(self._descriptor, 8, _STEP_OFFSET)
        return int.from_bytes(raw, "little") if len(raw) == 8 else 0

    def __enter__(self) -> RefereeControl:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class TrainerControl:
    """The trainer's side: a memory map, so that a look at the flag costs nothing."""

    def __init__(self, directory: Path) -> None:
        with (directory / CONTROL).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _CONTROL_BYTES)
        self._steps = memoryview(self._map)[_STEP_OFFSET : _STEP_OFFSET + 8].cast("Q")

    def evaluation_due(self) -> bool:
        """Tell whether the referee wants an evaluation."""
        return self._map[_FLAG_OFFSET] != 0

    def set_step(self, step: int) -> None:
        """Publish how many steps are done."""
        self._steps[0] = step
