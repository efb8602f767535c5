"""The folder of a submission's extra packages, installed where a command is about to need it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kit import paths

if TYPE_CHECKING:
    from kit.cli.views.choice import View
    from kit.rules.submission import Submission


def extras_folder(submission: Submission, view: View | None = None) -> Path | None:
    """Return the folder, or None for a submission without extra packages.

    Raises:
        KitError: they cannot be installed, or may not be added.
    """
    if not submission.extra_requirements:
        return None
    from kit.cli.views.live import LiveView
    from kit.engine.extras import installed

    # The live view keeps notes until the trial starts; a download is not a silent wait.
    at_once = partial(click.echo, err=True)
    announce = at_once if view is None or isinstance(view, LiveView) else view.note
    return installed(submission.extra_requirements, paths.cache_root(), announce=announce)
