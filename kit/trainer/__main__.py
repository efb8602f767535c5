"""The trainer process: `python -m kit.trainer EXCHANGE SUBMISSION [EXTRAS]`.

It connects to the referee, builds what it is told to build, and runs the submission after Go.
EXTRAS is the folder of the submission's extra packages; nothing can be imported from it before Go.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from kit.exchange import directory
from kit.exchange.channel import Channel, ChannelClosed, connect
from kit.exchange.messages import Failed, Go, Initial, Ready, Setup
from kit.trainer.receive import receive


def train(channel: Channel, exchange: Path, submission: Path, extras: Path | None) -> None:
    """Build what the referee names, and run the submission after Go."""
    setup = receive(channel, Setup)
    # Imported only now: the referee has the connection at once and imports at the same time.
    from kit.backend import framework
    from kit.backend.functional import FunctionalModel
    from kit.exchange.weights import WeightsLayout, read_initial
    from kit.registry import load_workload
    from kit.trainer.assembly import assemble
    from kit.trainer.data import training_queue
    from kit.trainer.loop import Loop
    from kit.trainer.port import SocketPort

    framework().configure()
    workload = load_workload(setup.workload, setup.scale, setup.variant)
    model = FunctionalModel(workload)
    layout = WeightsLayout(model.tensor_specs())
    queue = training_queue(workload, setup.batch_size, setup.data_seed)
    receive(channel, Initial)
    port = SocketPort(channel, exchange, layout, setup)
    initial = read_initial(exchange / directory.INITIAL, layout)
    channel.send(Ready())
    receive(channel, Go)
    program = assemble(
        model,
        submission,
        [initial.pop(spec.name) for spec in layout.specs],  # no copy stays on the host
        hyperparameters=setup.hyperparameters,
        step_hint=setup.step_hint,
        batch_size=setup.batch_size,
        seed=setup.algorithm_seed,
        extras=extras,
    )
    Loop(program, queue, port).run(max(setup.evaluate_at_steps, default=None))


def report_failure(channel: Channel) -> None:
    """Report the exception that is being handled as a message and on stderr."""
    text = traceback.format_exc()
    print(text, file=sys.stderr, flush=True)
    channel.send(Failed(step=0, traceback=text))


def main() -> None:
    """Connect, train, and report a failure."""
    exchange, submission = Path(sys.argv[1]), Path(sys.argv[2])
    extras = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    channel = connect(exchange / directory.SOCKET)
    try:
        train(channel, exchange, submission, extras)
    except ChannelClosed:
        sys.exit("The referee is gone.")
    except BaseException:  # noqa: BLE001 - submission code may raise anything, SystemExit too
        report_failure(channel)
        os._exit(1)


if __name__ == "__main__":
    main()
