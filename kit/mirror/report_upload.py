"""Sends a report to W&B; a second call updates the first one's."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from kit.errors import UploadFailed
from kit.mirror.board_report import Board, build_report
from kit.mirror.project import Destination, one_line
from kit.mirror.worker import Worker

if TYPE_CHECKING:
    import wandb


def save_report(board: Board, to: Destination) -> str:
    """Send the leaderboard's run, then make or update the report; return the report's address.

    Raises:
        UploadFailed: W&B does not answer, or does not take it.
    """
    if board.taus:
        _send_profiles(board, to)
    os.environ.setdefault("WANDB_SILENT", "true")
    if to.api_key:
        os.environ["WANDB_API_KEY"] = to.api_key  # wandb-workspaces finds a key there alone
    import wandb
    from wandb.util import app_url

    try:
        with warnings.catch_warnings():  # the SDKs' own, about each other
            warnings.simplefilter("ignore", DeprecationWarning)
            api = wandb.Api(timeout=max(1, round(to.timeout_seconds)))
            entity = to.entity or str(api.default_entity)
            base = app_url(str(api.settings["base_url"])).rstrip("/")
            report = build_report(board, entity=entity, project=to.project, app_url=base)
            report.id = _existing(api, entity, to.project, board.title)
            report.save()
            return str(report.url)
    except Exception as error:  # whatever SDK and HTTP library raise
        raise UploadFailed(
            f"The report did not get to {to.entity or 'your entity'}/{to.project}: "
            f"{type(error).__name__}: {one_line(error)}. Repeat the command."
        ) from error


def _existing(api: wandb.Api, entity: str, project: str, title: str) -> str:
    """Return the id of the report with this title; empty where there is none."""
    found: Any
    for found in api.reports(f"{entity}/{project}"):
        if found.display_name == title:
            return str(found.id)
    return ""


def _send_profiles(board: Board, to: Destination) -> None:
    worker = Worker(to)
    try:
        answer = worker.send(board.replay())
    finally:
        worker.close()
    if answer.problem:
        raise UploadFailed(f"The leaderboard's run did not get to W&B: {answer.problem}")
