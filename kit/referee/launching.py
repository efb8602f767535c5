"""Where a trainer runs: a process or a thread of this machine, or a container that is awaited."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kit import paths
from kit.data import train_folder
from kit.exchange import directory
from kit.exchange.channel import Listener
from kit.planning.request import TrialPlan
from kit.records.record import IsolationLevel
from kit.referee import isolation, walls
from kit.referee.contained import ContainedTrainer, furnished_exchange
from kit.referee.inline import InlineTrainer
from kit.referee.recording import Verdict
from kit.referee.trainer_process import Trainer, TrainerProcess
from kit.referee.workspace import Workspace
from kit.trainer.environment import environment

CONTAINER_SCRATCH = "/tmp"


@dataclass(frozen=True)
class Launched:
    """A trainer that will connect to `listener`; its caller ends it.

    `run` calls the referee's part and returns its verdict; an inline trainer trains meanwhile.
    """

    trainer: Trainer
    listener: Listener
    exchange: Path
    environment: Mapping[str, str]
    check_walls: Callable[[], Mapping[str, object]]  # facts for the record; raises when open
    run: Callable[[Callable[[], Verdict]], Verdict] = lambda referee: referee()


@contextlib.contextmanager
def launched(
    level: IsolationLevel, plan: TrialPlan, *, extras: Path | None, memory_limit_bytes: int
) -> Iterator[Launched]:
    """Give a trainer what it needs, and start or await it.

    Args:
        level: how it is shut in.
        plan: the trial.
        extras: folder of the submission's extra packages; a container's image has its own.
        memory_limit_bytes: of the container.

    Raises:
        TrialError: the folders it needs cannot be made.
    """
    with contextlib.ExitStack() as stack:
        if level == "container":
            yield _awaited(stack, plan, memory_limit_bytes)
        else:
            yield _started(stack, level, plan, extras)


def _started(
    stack: contextlib.ExitStack,
    level: Literal["bubblewrap", "process", "inline"],
    plan: TrialPlan,
    extras: Path | None,
) -> Launched:
    data = train_folder(plan.id.workload, plan.ruleset.scale)
    folders = stack.enter_context(
        Workspace(plan.submission.contents, data, extras, training_source=plan.training_data)
    )
    listener = Listener(folders.exchange / directory.SOCKET)
    stack.callback(listener.close)
    if level == "inline":
        here = InlineTrainer(folders)
        return Launched(here, listener, folders.exchange, {}, dict, here.run)
    launch = isolation.launch(level, folders)
    trainer = TrainerProcess(launch)
    return Launched(trainer, listener, folders.exchange, launch.environment, dict)


def _awaited(stack: contextlib.ExitStack, plan: TrialPlan, memory_limit_bytes: int) -> Launched:
    exchange = stack.enter_context(furnished_exchange(plan.submission.contents))
    listener = Listener(exchange / directory.SOCKET)
    stack.callback(listener.close)
    trainer = ContainedTrainer(exchange, memory_limit_bytes)

    def check() -> Mapping[str, object]:
        data = train_folder(plan.id.workload, plan.ruleset.scale)
        evidence = walls.engine_evidence()
        return {
            "engine": evidence,
            "referee": walls.referee_facts(),
            "trainer": trainer.check_walls(data, evidence),
        }

    return Launched(
        trainer, listener, exchange, environment(CONTAINER_SCRATCH, paths.data_root()), check
    )
