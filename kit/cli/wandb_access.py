"""Which W&B project is meant, and with which key: options and answers that commands share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kit.errors import UsageError

_FINDS_KEY = "import sys, wandb; sys.exit(not wandb.login(prompt=False, verify=False))"


def project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --entity and --project."""
    for option in reversed(_PROJECT):
        command = option(command)
    return command


def access_options(timeout_seconds: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds --key-file, and --timeout with this default."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        timeout = click.option(
            "--timeout", type=click.FloatRange(min=1), default=timeout_seconds, show_default=True,
            help="Wait so many seconds for each step at W&B; the SDK repeats requests that the"
            " server refuses for now.",
        )  # fmt: skip
        return _KEY_FILE(timeout(command))

    return add


def read_key(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="ascii").strip() or None
    except OSError as error:
        raise UsageError(f"--key-file={file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"--key-file={file} holds no key: it is not text.") from None


def finds_key() -> bool:
    """Tell whether the SDK finds a key by itself, in a process that leaves nothing of it behind."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    nowhere = subprocess.DEVNULL
    command = [sys.executable, "-P", "-c", _FINDS_KEY]
    ended = subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=False)
    return ended.returncode == 0


_PROJECT = (
    click.option(
        "--entity", envvar="WANDB_ENTITY", default="",
        help="The user or team whose W&B project it is; without it, the key's own.",
    ),
    click.option(
        "--project", envvar="WANDB_PROJECT", default="stopwatch", show_default=True,
        help="The W&B project; `kit upload` makes it if there is none.",
    ),
)  # fmt: skip
_KEY_FILE = click.option(
    "--key-file", envvar="WANDB_API_KEY_FILE", type=click.Path(path_type=Path), metavar="FILE",
    help="Read the API key from this file. Without it, the key is looked for where `wandb login`"
    " leaves it, and in WANDB_API_KEY.",
)  # fmt: skip
