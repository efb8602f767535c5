"""`kit referee`: execute the request of one trial, in a child process or in a container."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys

import click

from kit.cli.trial import EXIT_FAILED, exit_code, explain, shown_trial
from kit.errors import UsageError

_PR_SET_PDEATHSIG = 1  # prctl(2)
_DIGEST = re.compile(r"(?:\S+@)?sha256:[0-9a-f]{64}")
_GROUP_MAY_WRITE = 0o002  # the records belong to root and to the group that owns their folder


@click.command(hidden=True)
@click.option(
    "--tied-to", type=int, metavar="PID",
    help="End with this process, which must be the one that started this command.",
)  # fmt: skip
def referee(tied_to: int | None) -> int:
    """Execute one trial request: TRIAL_REQUEST in a container, else what is read from stdin.

    The trainer of a container can read this process's command line, but not its environment.
    """
    from kit.cli.views.choice import choose_view
    from kit.cli.views.terminal import stream_for_view
    from kit.planning.request import MAX_REQUEST_BYTES, TrialRequest

    _tie(tied_to)
    contained = os.environ.get("TRIAL_REQUEST")
    if contained:
        for name in ("STOPWATCH_IMAGE_DIGEST", "STOPWATCH_TRAINER_IMAGE_DIGEST"):
            _check_digest(name)
        os.umask(_GROUP_MAY_WRITE)
        os.chdir("/")  # so that paths are shown as on the host: results/…
    text = contained or sys.stdin.read(MAX_REQUEST_BYTES + 1)
    if not text:
        raise UsageError(
            "No trial request: `kit run` and `kit study` pass it. Start a trial with: kit run."
        )
    request = TrialRequest.decode(text)
    outcome = shown_trial(request, choose_view(stream_for_view(), as_json=True))
    explain(outcome, again=(), as_json=True)
    return exit_code(outcome)


def _check_digest(name: str) -> None:
    """Reject a tag: it says nothing about what ran, because it moves."""
    value = os.environ.get(name) or ""
    if not _DIGEST.fullmatch(value):
        raise UsageError(
            f"{name} is an image's digest, as `make image` prints it: sha256 and 64 digits. Name "
            f"the image by its digest in STOPWATCH_IMAGE and TRAINER_IMAGE. Received: {value!r}."
        )


def _tie(parent: int | None) -> None:
    """Let the kernel kill this process when its parent dies, however it dies."""
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(EXIT_FAILED)
