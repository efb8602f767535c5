"""`kit` with the real referee's books and no trainer: a trial ends by itself within a second.

How it ends stands in the environment: SECONDS of submission time, then STATE, which names trials
that end in a way of their own: `STATE="target_reached 1.2=failed"` is study 1, trial 2. SECONDS
takes the same form. An early stop ends a trial that takes longer. CRASH=setup or CRASH=training
ends the process without a word; FULL=1 fails as on a full disk.
"""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

from kit.cli.main import main
from kit.errors import TrialError
from kit.exchange.messages import Report
from kit.planning.request import TrialPlan
from kit.records.record import Evaluation, Failure, TrialState
from kit.referee.conduct import Conduct
from kit.referee.events import Progress
from kit.referee.recording import Ending

_TICK_SECONDS = 0.01


def told(variable: str, default: str, plan: TrialPlan) -> str:
    """Return what the environment says of a trial."""
    common, *own = os.environ.get(variable, default).split()
    chosen = dict(entry.split("=") for entry in own)
    return chosen.get(f"{plan.id.study}.{plan.id.trial}", common)


def untrained(self: Any, level: str) -> Ending:
    """Stand for `Conduct.run`: one evaluation, and an end."""
    if os.environ.get("CRASH") == "setup":
        os._exit(7)
    self._before_go()
    if os.environ.get("CRASH"):
        os._exit(7)
    if os.environ.get("FULL"):
        raise TrialError("No space left on the disk.")
    plan: TrialPlan = self._plan
    clock, signals = self._clock, self._signals
    clock.switch("submission")
    seconds, stop = float(told("SECONDS", "0.05", plan)), plan.request.stop
    stopped = stop is not None and stop.after_seconds < seconds
    if stop is not None and stopped:
        seconds = stop.after_seconds + _TICK_SECONDS
    until = time.monotonic() + seconds
    while time.monotonic() < until and not signals.received():
        self._observer.progress(Progress("training", 1, 0.0, 0.0, 0.0))
        time.sleep(_TICK_SECONDS)
    state = TrialState(told("STATE", "target_reached", plan))
    if stopped:
        state = TrialState.STOPPED_EARLY
    if signals.received():
        state = TrialState.INTERRUPTED
    reached = state is TrialState.TARGET_REACHED
    clock.switch("evaluation")
    start_ns = clock.phase_started_ns
    end_ns = clock.switch("logging")
    evaluation = Evaluation(
        index=1,
        step=1,
        submission_ns=clock.elapsed_ns("submission"),
        total_ns=start_ns,
        evaluation_ns=end_ns - start_ns,
        due_ns=0,
        freeze_ns=0,
        pause_cpu_seconds=0.0,
        distance_from_initial=1.0,
        finite=True,
        weights_sha256="0" * 64,
        metrics={"validation/accuracy": 0.9 if reached else 0.1},
    )
    clock.stop()
    verdict = SimpleNamespace(
        state=state,
        reason="SIGINT" if state is TrialState.INTERRUPTED else "It ended.",
        report=Report(),
        failure=Failure(traceback="Traceback") if state is TrialState.FAILED else None,
    )
    return Ending(verdict=verdict, evaluations=(evaluation,))


if __name__ == "__main__":
    Conduct.run = untrained  # type: ignore[method-assign]
    main()
