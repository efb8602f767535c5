"""The temporary folders of one trial: new, private and empty, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from kit.errors import TrialError
from kit.referee.isolation import TrainerFolders

PREFIX = "stopwatch-"
_MEMORY_BACKED = Path("/dev/shm")


class Workspace:
    """Exchange directory on memory-backed storage where there is some, scratch, and submission."""

    def __init__(
        self,
        sources: Mapping[str, bytes],
        training_data: Path,
        extras: Path | None = None,
        *,
        training_source: Path | None = None,
    ) -> None:
        self._sources = sources
        self._training_data = training_data
        self._training_source = training_source
        self._extras = extras
        self._roots: list[Path] = []

    def __enter__(self) -> TrainerFolders:
        memory = _MEMORY_BACKED if os.access(_MEMORY_BACKED, os.W_OK) else None
        for parent in {memory, None}:
            _remove_leftovers(Path(parent or tempfile.gettempdir()))
        try:
            exchange, disk = self._folder(memory), self._folder(None)
            folders = TrainerFolders(
                exchange=exchange,
                scratch=disk / "scratch",
                submission=disk / "submission",
                training_data=self._training_data,
                training_source=self._training_source,
                extras=self._extras,
            )
            folders.scratch.mkdir()
            write_code(folders.submission, self._sources)
        except OSError as error:
            self._remove()
            raise TrialError(f"The trial's temporary folders cannot be made: {error}.") from None
        return folders

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _folder(self, parent: Path | None) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
        self._roots.append(folder)
        return folder

    def _remove(self) -> None:
        for root in self._roots:
            shutil.rmtree(root, ignore_errors=True)


def write_code(folder: Path, sources: Mapping[str, bytes]) -> None:
    """Write a submission's Python files, readable by every user and writable by this one."""
    folder.mkdir()
    for name, content in sources.items():
        if name.endswith(".py"):  # the manifest names workloads: the trainer has no use for it
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of referees that were killed and so could not do it."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
