"""Runs on the local disk, in the form that `wandb sync` sends."""

from __future__ import annotations

import secrets
import shutil

from kit.errors import UploadFailed
from kit.mirror.project import Destination, Standing, as_artifact, log_history, open_run
from kit.mirror.replay import Replay
from kit.records.atomic import disk_errors
from kit.records.files import UNFINISHED


class OfflineFolder:
    """A folder of runs; a run appears there complete, or not at all.

    The evidence lies beside the runs, because `wandb sync` reads it from where it was logged.
    """

    def __init__(self, destination: Destination) -> None:
        assert destination.offline is not None
        self._to = destination
        self._folder = destination.offline.absolute()

    def look(self, replay: Replay) -> tuple[Standing, str]:
        """Tell whether a run was written before."""
        found = list(self._folder.glob(f"offline-run-*-{replay.run_id}"))
        return (Standing.THERE if found else Standing.MISSING), ""

    def send(self, replay: Replay, *, evidence: bool = True) -> None:
        """Write a run; its evidence belongs to it here.

        Raises:
            TrialError: the folder cannot be written.
            UploadFailed: the SDK wrote nothing.
        """
        writing = self._folder / f".{secrets.token_hex(6)}{UNFINISHED}"
        with disk_errors(self._folder):
            writing.mkdir(parents=True)
        try:
            with open_run(replay, self._to, writing, mode="offline") as run:
                log_history(run, replay)
                artifact = as_artifact(replay.bundle, self._folder)
                run.log_artifact(artifact, aliases=[replay.bundle.alias])
            written = list(writing.glob(f"**/offline-run-*-{replay.run_id}"))
            if not written:
                raise UploadFailed(f"The SDK wrote no offline run of {replay.run_id}.")
            with disk_errors(self._folder):
                written[0].rename(self._folder / written[0].name)
        finally:
            shutil.rmtree(writing, ignore_errors=True)
