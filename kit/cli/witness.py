"""`kit witness`: let W&B date a ledger's head, once or as long as a run goes on."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kit.cli.wandb_access import access_options, finds_key, project_options, read_key
from kit.cli.witness_beside import COMPLETE
from kit.errors import UsageError

if TYPE_CHECKING:
    from kit.mirror.project import Destination

EXIT_FAILED = 1
_LEAST_PRIORITY = 19


@click.command(
    short_help="Let W&B date a ledger's head as a run goes.",
    epilog="Examples: kit witness results --entity organisers --project stopwatch;"
    " kit run --workload mnist --witness organisers/stopwatch",
)
@click.argument("results", type=click.Path(file_okay=False, path_type=Path))
@project_options
@access_options(timeout_seconds=60)
@click.option(
    "--follow", is_flag=True,
    help="Go on with each new head until Ctrl-C; a connection that is lost is caught up later.",
)  # fmt: skip
@click.option(
    "--until-input-closes", is_flag=True, hidden=True,
    help="Follow, at the least priority, until nobody holds the other end of the standard input.",
)  # fmt: skip
@click.option(
    "--linger", type=click.FloatRange(min=0), default=60.0, show_default=True,
    help="When the run is over, go on for so many seconds with what did not get through.",
)  # fmt: skip
@click.pass_context
def witness(ctx: click.Context, /, results: Path, **options: Any) -> None:
    """Send the head of the ledger in RESULTS to W&B, whose clock dates it.

    A head says what was started and how it ended, no more. `kit review` then knows that no attempt
    was dropped. Runs beside the trials: it reads the ledger, and nothing waits for it. Exits with 1
    when W&B does not have the newest head.
    """
    from kit.mirror.witness import Follower
    from kit.mirror.worker import Worker
    from kit.records.ledger import LEDGER

    path = results.absolute() / LEDGER
    following = options["follow"] or options["until_input_closes"]
    if not following and not path.exists():
        raise UsageError(f"{results} has no {LEDGER}. Give the folder of results, or --follow.")
    worker = Worker(_destination(options))
    try:
        follower = Follower(path, worker.send, tell=lambda text: click.echo(text, err=True))
        ended = _ended(options) if following else lambda _: True
        done = follower.follow(ended, linger_seconds=options["linger"] if following else 0)
    finally:
        worker.close()
    if not done:
        ctx.exit(EXIT_FAILED)
    click.echo(COMPLETE)


def _destination(options: dict[str, Any]) -> Destination:
    from kit.mirror.project import Destination

    key = read_key(options["key_file"])
    if key is None and not finds_key():
        raise UsageError(
            "There is no W&B key, and without a third party nothing is witnessed. Run `wandb "
            "login`, set WANDB_API_KEY, or give --key-file."
        )
    return Destination(options["entity"], options["project"], options["timeout"], api_key=key)


def _ended(options: dict[str, Any]) -> Callable[[float], bool]:
    """Return what waits, and tells whether the run is over."""
    if options["until_input_closes"]:
        os.nice(_LEAST_PRIORITY)  # the run beside it is timed
        return _input_closed
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop.wait


def _input_closed(seconds: float) -> bool:
    hung_up = select.poll()
    hung_up.register(sys.stdin.fileno(), 0)  # a hang-up is told in any case
    return bool(hung_up.poll(seconds * 1000))
