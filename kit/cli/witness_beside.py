"""`--witness` of `kit run` and `kit study`: a process beside the run that follows its ledger.

It is started outside all isolation, shares nothing with the run but the ledger's file, which it
reads, and a pipe that closes when the run ends, however it ends.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from kit.errors import NotAvailable, UsageError

LINGER_SECONDS = 20.0  # that a run which has ended waits for its last head
COMPLETE = "complete"  # what the witness says at its end when W&B has every head
# Not a child of ours: the referee takes processes that it inherits for the trainer's, freezes them
# during evaluations and kills them in the end (kit.referee.processes).
_NO_CHILD = "import os; os.fork() and os._exit(0); from kit.cli.main import main; main()"


def witness_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--witness`."""
    return click.option(
        "--witness", metavar="ENTITY/PROJECT", callback=_checked,
        help="Let W&B date the ledger's head whenever a trial starts or ends, so that `kit review`"
        " calls the results witnessed; a lost connection never touches the run.",
    )(command)  # fmt: skip


def _checked(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    entity, _, project = value.partition("/")
    if not entity or not project or "/" in project:
        raise UsageError(
            "--witness takes the W&B project that keeps the heads: ENTITY/PROJECT, such as "
            f"organisers/stopwatch. Received: --witness={value!r}."
        )
    return value


@contextmanager
def witnessing(project: str | None, results: Path, *, as_json: bool) -> Iterator[None]:
    """Let a process follow the ledger in `results` while a run goes on; None: let nobody.

    Raises:
        NotAvailable: the SDK is not installed.
        UsageError: there is no W&B key.
    """
    if project is None:
        yield
        return
    process = _start(project, results)
    try:
        yield
    finally:
        told = _end(process)
        text = told or f"W&B has dated every head of {results}; `kit review {project}` says so."
        message = json.dumps({"event": "witness", "message": text}) if as_json else text
        click.echo(message, err=True)


def _start(project: str, results: Path) -> subprocess.Popen[bytes]:
    from kit.cli.wandb_access import finds_key

    if find_spec("wandb") is None:
        raise NotAvailable(
            "--witness needs the package wandb. Run `make setup`: it installs what is locked."
        )
    if not finds_key():
        raise UsageError(
            "--witness needs a W&B key. Run `wandb login`, or set WANDB_API_KEY; without "
            "--witness the results are self-attested."
        )
    entity, _, name = project.partition("/")
    words = ["witness", str(results), "--entity", entity, "--project", name]
    words += ["--until-input-closes", "--linger", f"{LINGER_SECONDS:g}"]
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _NO_CHILD, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the run's view has the terminal
        start_new_session=True,  # Ctrl-C is for the run; the last head is sent all the same
    )
    process.wait()  # the one that forked; the witness goes on
    return process


def _end(process: subprocess.Popen[bytes]) -> str:
    """Let the witness send what is left; return what to tell if it did not manage in time."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    with process.stdout as answers:
        ready, _, _ = select.select([answers], [], [], 2 * LINGER_SECONDS)
        if ready and answers.readline().strip() == COMPLETE.encode():
            return ""
    return (
        "W&B does not have the newest head of the ledger, so what it did not see in time stays "
        "self-attested. `kit witness` sends it now."
    )
